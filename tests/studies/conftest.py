import pytest

from tests.service import Service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="session")
def finished(service: Service) -> Service:
    """A service with one finished study, `done`."""
    result = service.run("launch", service.write("done"))
    assert result.returncode == 0, result.stderr
    return service

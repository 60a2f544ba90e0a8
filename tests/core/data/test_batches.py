import pickle

import numpy as np
import pytest
import torch

import core.data
from core.data.batches import Batches, PartnerBatches, float_images, resident, unpack


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> core.data.FactorDataset:
    return core.data.load("dsprites.quick", tmp_path_factory.mktemp("data"))


def test_a_batch_is_a_function_of_seed_stream_and_step(quick: core.data.FactorDataset) -> None:
    here, there = Batches(quick, 64, 3), Batches(quick, 64, 3)
    late = here.at(250)
    for step in (0, 91, 250):
        again = there.at(step)
    assert torch.equal(late.index, again.index)
    assert torch.equal(late.images, again.images)
    assert not torch.equal(late.index, Batches(quick, 64, 4).at(250).index)
    assert not torch.equal(late.index, Batches(quick, 64, 3, stream=1).at(250).index)


def test_the_first_indices_of_seed_zero_never_change(quick: core.data.FactorDataset) -> None:
    assert Batches(quick, 4, 0).at(0).index.tolist() == [1566, 2912, 5710, 4422]


def test_an_epoch_shows_every_image_once(quick: core.data.FactorDataset) -> None:
    batches = Batches(quick, 64, 0)
    assert batches.steps_per_epoch == 90
    epoch = torch.cat([batches.at(step).index for step in range(90)])
    assert torch.equal(epoch.sort().values, torch.arange(5760))
    assert not torch.equal(batches.at(90).index, epoch[:64])


def test_images_and_factors_are_those_of_the_set(quick: core.data.FactorDataset) -> None:
    batch = Batches(quick, 32, 0, with_factors=True).at(7)
    index = batch.index.numpy()
    assert batch.images.dtype == torch.float32
    np.testing.assert_array_equal(batch.images.numpy() * 255, quick.images(index))
    assert batch.factors is not None
    np.testing.assert_array_equal(batch.factors.numpy(), quick.factors(index))


def test_a_subset_stays_in_itself_and_may_be_smaller_than_a_batch(quick: core.data.FactorDataset) -> None:
    subset = quick.annotated(40, 0)
    for size in (16, 64):
        batches = Batches(quick, size, 0, subset=subset)
        for step in range(5):
            index = batches.at(step).index
            assert len(index) == size
            assert set(index.tolist()) <= set(subset.tolist())


@pytest.mark.parametrize("arguments", [(0, 0), (64, -1)], ids=["no batch", "negative seed"])
def test_impossible_batches_are_refused(quick: core.data.FactorDataset, arguments: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no batches of"):
        Batches(quick, *arguments)
    with pytest.raises(ValueError, match="from 0 images"):
        Batches(quick, 8, 0, subset=np.empty(0, np.int64))


@pytest.mark.parametrize("changed", [0, 1, 3])
def test_partners_share_all_factors_but_those_that_changed(quick: core.data.FactorDataset, changed: int) -> None:
    """A factor that is drawn anew may have its old value, with probability one in its size."""
    subset = np.setdiff1d(np.arange(len(quick)), np.arange(0, len(quick), 6))
    first = Batches(quick, 2_000, 0, stream=1, subset=subset)
    second = PartnerBatches(quick, 2_000, 0, stream=1, subset=subset, changed=changed)
    epochs = [[batches.at(step).index.numpy() for step in range(6)] for batches in (first, second)]
    images, partners = (np.concatenate(each) for each in epochs)
    assert set(partners.tolist()) <= set(subset.tolist())
    differ = quick.factors(images) != quick.factors(partners)
    sizes = np.array(quick.factor_sizes)
    counts = differ.sum(axis=1)
    assert counts.max() == (changed or len(sizes) - 1)
    expected = (1 - 1 / sizes) * (changed or len(sizes) / 2) / len(sizes)  # 1 to K − 1 factors, K / 2 on average
    # Of the images themselves, more are in the subset than of their neighbours.
    np.testing.assert_allclose(differ.mean(axis=0), expected, atol=0.06)


def test_partners_are_a_function_of_seed_stream_and_step(quick: core.data.FactorDataset) -> None:
    here, there = (PartnerBatches(quick, 64, 3, changed=0) for _ in range(2))
    late = here.at(250)
    for step in (0, 91, 250):
        again = there.at(step)
    assert torch.equal(late.index, again.index)
    assert torch.equal(late.images, again.images)
    assert not torch.equal(late.index, PartnerBatches(quick, 64, 4, changed=0).at(250).index)
    assert PartnerBatches(quick, 4, 0, changed=0).at(0).index.tolist() == [1246, 2912, 230, 5172]


def test_partners_are_gathered_on_a_device_as_they_are_on_the_host(quick: core.data.FactorDataset) -> None:
    plain = PartnerBatches(quick, 64, 3, changed=1, subset=np.arange(3, 5000))
    gathered = PartnerBatches(quick, 64, 3, changed=1, subset=np.arange(3, 5000))
    gathered._resident = resident(quick, np.arange(3, 5000), torch.device("cpu"))
    for step, positions in enumerate(gathered.positions(76, 4), 76):
        expected, found = plain.at(step), gathered.gather(positions)
        assert torch.equal(found.index, expected.index)
        assert torch.equal(found.images, expected.images)


def test_an_image_with_no_partner_to_train_on_is_its_own(quick: core.data.FactorDataset) -> None:
    alone = np.array([7])
    assert PartnerBatches(quick, 4, 0, changed=1, subset=alone).at(0).index.tolist() == [7] * 4


def test_bits_are_unpacked_on_a_device_as_numpy_does() -> None:
    packed = np.random.default_rng(0).integers(0, 256, (9, 32), dtype=np.uint8)
    unpacked = unpack(torch.from_numpy(packed))
    assert unpacked.dtype == torch.float32
    np.testing.assert_array_equal(unpacked.numpy(), np.unpackbits(packed, axis=1))


def test_a_resident_set_gives_the_same_images(quick: core.data.FactorDataset) -> None:
    subset = np.array([5, 5759, 17, 0])
    images = resident(quick, subset, torch.device("cpu"))
    assert images is not None
    assert torch.equal(images(torch.tensor([1, 0, 3])), float_images(quick, subset[[1, 0, 3]]))


@pytest.mark.cuda
def test_a_gpu_gives_the_batches_of_the_cpu(quick: core.data.FactorDataset) -> None:
    on_gpu = Batches(quick, 64, 1, with_factors=True, device="cuda").at(123)
    on_cpu = Batches(quick, 64, 1, with_factors=True).at(123)
    assert on_gpu.images.is_cuda
    for gpu, cpu in zip(on_gpu, on_cpu, strict=True):
        assert gpu is not None
        assert cpu is not None
        assert torch.equal(gpu.cpu(), cpu)


def test_a_data_set_pickles_as_its_name(quick: core.data.FactorDataset) -> None:
    stored = pickle.dumps(quick)
    assert len(stored) < 1000
    np.testing.assert_array_equal(pickle.loads(stored).images([9]), quick.images([9]))


def test_batches_of_the_same_images_share_one_copy_on_the_device(quick: core.data.FactorDataset) -> None:
    first = Batches(quick, 8, seed=0, subset=np.arange(100), device="meta")
    beside = Batches(quick, 8, seed=1, stream=1, subset=np.arange(100), device="meta", beside=[first])
    others = Batches(quick, 8, seed=0, subset=np.arange(50), device="meta", beside=[first])
    assert first.resident
    assert beside._resident is first._resident
    assert others._resident is not first._resident

"""What every model, metric, data set and labeller promises, as checks that run on this repository's and on one's own.

`studies test-extension FILE` runs them on an extension; `studies.testing.fixtures` gives them to pytest.
"""

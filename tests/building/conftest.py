"""The small mixture, built once for each module that looks at it."""

import pytest
from datasets import load_from_disk

from tests.small import built


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The mixture `small`, built by one worker."""
    out = tmp_path_factory.mktemp("small") / "out"
    built(out)
    return out


@pytest.fixture(scope="module")
def rows(small):
    """Its rows, as `datasets` reads them."""
    return load_from_disk(str(small)).to_list()

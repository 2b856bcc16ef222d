"""What every test shares."""

import os
from pathlib import Path

import pytest

# Their assertions say what was compared, as those of test files do.
pytest.register_assert_rewrite("inline", "timing")
# Presidio's e-mail recogniser would otherwise fetch the public suffix list on first use.
os.environ["TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS"] = ""
# Compiled patterns are kept in the checkout, not in the home of whoever runs the tests.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).resolve().parents[1] / ".cache")

"""What every test shares."""

import os

# Presidio's e-mail recogniser would otherwise fetch the public suffix list on first use.
os.environ["TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS"] = ""

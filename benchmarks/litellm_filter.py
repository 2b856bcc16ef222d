"""Run by the Python of the LiteLLM proxy: its content filter, all patterns masking, over texts from stdin."""

import json
import sys
import time

from litellm.proxy.guardrails.guardrail_hooks.litellm_content_filter.content_filter import (
    ContentFilterGuardrail,
)
from litellm.proxy.guardrails.guardrail_hooks.litellm_content_filter.patterns import PREBUILT_PATTERNS
from litellm.types.guardrails import ContentFilterAction, ContentFilterPattern

guardrail = ContentFilterGuardrail(
    guardrail_name="all",
    patterns=[
        ContentFilterPattern(pattern_type="prebuilt", pattern_name=name, action=ContentFilterAction.MASK)
        for name in PREBUILT_PATTERNS
    ],
)
spent = []
for text in json.load(sys.stdin):
    started = time.process_time()
    guardrail._filter_single_text(text)
    spent.append(time.process_time() - started)
json.dump(spent, sys.stdout)

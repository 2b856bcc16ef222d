"""Detectors: one file per `type` of a rule's `detect` block. The union here is the registry."""

from guardrails.detectors.base import CannotJudge, Deadline, Detector, Match, Pattern, SpecError
from guardrails.detectors.expression import RegexSpec
from guardrails.detectors.injection import InjectionSpec
from guardrails.detectors.invisible import InvisibleSpec
from guardrails.detectors.pii import PiiSpec
from guardrails.detectors.runaway import LengthSpec, RepeatSpec
from guardrails.detectors.secret import SecretSpec
from guardrails.detectors.statements import ShellSpec, SqlSpec
from guardrails.detectors.url import UrlSpec
from guardrails.detectors.words import WordsSpec

AnySpec = (
    RegexSpec
    | WordsSpec
    | InvisibleSpec
    | PiiSpec
    | SecretSpec
    | InjectionSpec
    | UrlSpec
    | ShellSpec
    | SqlSpec
    | LengthSpec
    | RepeatSpec
)

__all__ = [
    "AnySpec",
    "CannotJudge",
    "Deadline",
    "Detector",
    "InjectionSpec",
    "InvisibleSpec",
    "LengthSpec",
    "Match",
    "Pattern",
    "PiiSpec",
    "RegexSpec",
    "RepeatSpec",
    "SecretSpec",
    "ShellSpec",
    "SpecError",
    "SqlSpec",
    "UrlSpec",
    "WordsSpec",
]

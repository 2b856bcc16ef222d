"""Detectors: one file per `type` of a rule's `detect` block. The union here is the registry."""

from guardrails.detectors.base import CannotJudge, Deadline, Detector, Match, Pattern, SpecError
from guardrails.detectors.classifier import ClassifierSpec
from guardrails.detectors.code import CodeSpec
from guardrails.detectors.competitor import CompetitorSpec
from guardrails.detectors.expression import RegexSpec
from guardrails.detectors.gibberish import GibberishSpec
from guardrails.detectors.injection import InjectionSpec
from guardrails.detectors.invisible import InvisibleSpec
from guardrails.detectors.json_schema import JsonSchemaSpec
from guardrails.detectors.judge import JudgeSpec
from guardrails.detectors.language import LanguageSpec
from guardrails.detectors.pii import PiiSpec
from guardrails.detectors.prompt_leak import PromptLeakSpec
from guardrails.detectors.runaway import LengthSpec, RepeatSpec
from guardrails.detectors.secret import SecretSpec
from guardrails.detectors.statements import ShellSpec, SqlSpec
from guardrails.detectors.topic import TopicSpec
from guardrails.detectors.toxicity import HarmSpec, ToxicitySpec
from guardrails.detectors.url import UrlSpec
from guardrails.detectors.words import WordsSpec

AnySpec = (
    RegexSpec
    | WordsSpec
    | InvisibleSpec
    | PiiSpec
    | SecretSpec
    | InjectionSpec
    | ToxicitySpec
    | HarmSpec
    | UrlSpec
    | ShellSpec
    | SqlSpec
    | LengthSpec
    | RepeatSpec
    | TopicSpec
    | CompetitorSpec
    | LanguageSpec
    | CodeSpec
    | GibberishSpec
    | PromptLeakSpec
    | JsonSchemaSpec
    | JudgeSpec
    | ClassifierSpec
)

__all__ = [
    "AnySpec",
    "CannotJudge",
    "ClassifierSpec",
    "CodeSpec",
    "CompetitorSpec",
    "Deadline",
    "Detector",
    "GibberishSpec",
    "HarmSpec",
    "InjectionSpec",
    "InvisibleSpec",
    "JsonSchemaSpec",
    "JudgeSpec",
    "LanguageSpec",
    "LengthSpec",
    "Match",
    "Pattern",
    "PiiSpec",
    "PromptLeakSpec",
    "RegexSpec",
    "RepeatSpec",
    "SecretSpec",
    "ShellSpec",
    "SpecError",
    "SqlSpec",
    "TopicSpec",
    "ToxicitySpec",
    "UrlSpec",
    "WordsSpec",
]

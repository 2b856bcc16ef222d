"""From a body and edits to the body that is sent on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from guardrails.bodies import jsontext
from guardrails.bodies.jsontext import Literal
from guardrails.bodies.pointer import MAX_DEPTH, escape, list_index, member, tokens
from guardrails.bodies.walk import LOGPROBS, spelling
from guardrails.model import Address, Edit, Opaque, Place

_Path: TypeAlias = tuple[str, ...]
_Edits: TypeAlias = list[Edit]


class EditError(ValueError):
    """An edit that does not fit the body. The message names no text and no member of it."""


def apply(body: object, edits: Sequence[Edit], opaque: Iterable[Opaque] = ()) -> object:
    """The body with its edits made; everything outside them is the same, most of it the same objects.

    Of what is `opaque` in the body, the log probabilities of an edited text are emptied: they spell it.

    Offsets are those of `Segment.text` as `read` gave it. An edited number becomes a string. An edited
    key keeps its position, and gets `_2`, `_3`, ... where its new name is taken.

    Raises:
        EditError: if an edit's address is not in the body, its offsets lie outside the text, or two
            edits overlap. Nothing has been changed then.
    """
    if not edits:
        return body
    draft = _Draft(body)
    plan = _Plan(edits)
    for pointer, mine in plan.values.items():
        draft.replace_text(_path(pointer), mine)
    for pointer, by_place in plan.inner.items():
        if pointer in plan.values:
            raise EditError("a text is edited as a whole and as JSON")
        draft.replace_json(_path(pointer), by_place)
    for pointer in _spelling(opaque, edits):
        draft.empty(_path(pointer))
    renames = [(_path(pointer), mine) for pointer, mine in plan.keys.items()]
    draft.rename(renames)
    return draft.root


def emptied(value: object) -> object:
    """What is left of a value that repeats what is masked: a list stays one."""
    return [] if isinstance(value, list) else None


def _spelling(opaque: Iterable[Opaque], edits: Iterable[Edit]) -> Iterator[str]:
    """The pointers of log probabilities of texts that are edited."""
    found = [one.pointer for one in opaque if one.what == LOGPROBS]
    around = {edit.address.pointer for edit in edits if found}
    outer = around
    while outer := {pointer.rpartition("/")[0] for pointer in outer if pointer} - around:
        around |= outer
    return (pointer for pointer in found if pointer.rpartition("/")[0] in around)


def resolve(body: object, address: Address) -> str:
    """The text at an address, as `read` gives it.

    Raises:
        EditError: if there is none.
    """
    path = _path(address.pointer)
    if address.inner is None:
        value = _find(body, path)
        return _text(value) if address.place is Place.VALUE else _key(body, path)
    return _literals(_find(body, path))[address.inner, address.place].text


class _Plan:
    """Edits by what they change."""

    def __init__(self, edits: Iterable[Edit]) -> None:
        self.values: dict[str, _Edits] = {}
        self.keys: dict[str, _Edits] = {}
        self.inner: dict[str, dict[tuple[str, Place], _Edits]] = {}
        for edit in edits:
            self._group(edit.address).append(edit)

    def _group(self, address: Address) -> _Edits:
        if address.inner is not None:
            places = self.inner.setdefault(address.pointer, {})
            return places.setdefault((address.inner, address.place), [])
        groups = self.values if address.place is Place.VALUE else self.keys
        return groups.setdefault(address.pointer, [])


class _Draft:
    """A body of which only the edited branches are copied."""

    def __init__(self, body: object) -> None:
        self.root = body
        self._own: dict[_Path, dict[str, object] | list[object]] = {}

    def replace_text(self, path: _Path, edits: _Edits) -> None:
        value = _find(self.root, path)
        before = _text(value)
        after = _edited(before, edits)
        if after != before:
            self._put(path, after)

    def replace_json(self, path: _Path, edits: Mapping[tuple[str, Place], _Edits]) -> None:
        value = _find(self.root, path)
        literals = _literals(value)
        source = _text(value)
        pieces: list[tuple[int, int, str]] = []
        for (inner, place), mine in edits.items():
            literal = literals[inner, place]
            if place is Place.VALUE:
                pieces.extend(_literal_pieces(source, literal, mine))
        pieces.extend(_key_pieces(literals, edits))
        after = _spliced(source, pieces)
        if after != source:
            self._put(path, after)

    def rename(self, renames: Iterable[tuple[_Path, _Edits]]) -> None:
        by_parent: dict[_Path, dict[str, str]] = {}
        for path, edits in renames:
            key = _key(self.root, path)
            by_parent.setdefault(path[:-1], {})[key] = _edited(key, edits)
        # INVARIANT: children before their parents, so that paths keep the names they were found under.
        for parent in sorted(by_parent, key=len, reverse=True):
            owned = self._owned(parent)
            assert isinstance(owned, dict)
            final = _renamed(list(owned), by_parent[parent])
            items = [(new, owned[old]) for old, new in zip(list(owned), final, strict=True)]
            owned.clear()
            owned.update(items)

    def empty(self, path: _Path) -> None:
        self._put(path, emptied(_find(self.root, path)))

    def _put(self, path: _Path, value: object) -> None:
        if not path:
            self.root = value
            return
        owned = self._owned(path[:-1])
        if isinstance(owned, dict):
            owned[path[-1]] = value
        else:
            owned[list_index(path[-1])] = value

    def _owned(self, path: _Path) -> dict[str, object] | list[object]:
        """Our own copy of the container at a path."""
        for end in range(len(path) + 1):
            prefix = path[:end]
            if prefix not in self._own:
                found = _find(self.root, prefix)
                assert isinstance(found, dict | list)
                copy = found.copy()
                self._own[prefix] = copy
                # The parent is already our own, so this recursion is one call deep.
                self._put(prefix, copy)
        return self._own[path]


def _path(pointer: str) -> _Path:
    try:
        path = tokens(pointer)
    except ValueError:
        raise EditError("not a JSON pointer") from None
    if len(path) > MAX_DEPTH + 1:
        raise EditError("an address is deeper than anything that is read")
    return path


def _find(body: object, path: _Path) -> object:
    value = body
    try:
        for token in path:
            value = member(value, token)
    except LookupError:
        raise EditError("no such address in the body") from None
    return value


def _key(body: object, path: _Path) -> str:
    if not path or not isinstance(_find(body, path[:-1]), dict):
        raise EditError("no such key in the body")
    _find(body, path)
    return path[-1]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        digits = spelling(value)
    except ValueError:
        digits = None
    if digits is None:
        raise EditError("no text at an address")
    return digits


class _Literals(dict[tuple[str, Place], Literal]):
    def __missing__(self, key: tuple[str, Place]) -> Literal:
        raise EditError("no such address in a JSON text")


def _literals(value: object) -> _Literals:
    document = jsontext.scan(value) if isinstance(value, str) else None
    if document is None:
        raise EditError("no JSON text at an address")
    return _Literals({(literal.pointer, literal.place): literal for literal in document.literals})


def _checked(edits: _Edits, length: int) -> _Edits:
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    reached = 0
    for edit in ordered:
        if not 0 <= edit.start <= edit.end <= length:
            raise EditError("an edit's offsets lie outside its text")
        if edit.start < reached:
            raise EditError("two edits overlap")
        reached = edit.end
    return ordered


def _edited(text: str, edits: _Edits) -> str:
    return _spliced(text, [(edit.start, edit.end, edit.text) for edit in _checked(edits, len(text))])


def _spliced(text: str, pieces: list[tuple[int, int, str]]) -> str:
    """A text with disjoint pieces of it replaced; insertions at one place keep their order."""
    out: list[str] = []
    at = 0
    for start, end, new in sorted(pieces, key=lambda piece: piece[:2]):
        out += (text[at:start], new)
        at = end
    out.append(text[at:])
    return "".join(out)


def _literal_pieces(source: str, literal: Literal, edits: _Edits) -> list[tuple[int, int, str]]:
    """What changes in a literal's source: of a string only the edited characters, of a number all."""
    checked = _checked(edits, len(literal.text))
    if literal.is_number:
        after = _edited(literal.text, checked)
        quoted = literal.text if after == literal.text else f'"{jsontext.encode(after)}"'
        return [(literal.start, literal.end, quoted)]
    offsets = jsontext.source_offsets(source[literal.start : literal.end])
    base = literal.start
    return [
        (base + offsets[edit.start], base + offsets[edit.end], jsontext.encode(edit.text)) for edit in checked
    ]


def _key_pieces(
    literals: Mapping[tuple[str, Place], Literal], edits: Mapping[tuple[str, Place], _Edits]
) -> list[tuple[int, int, str]]:
    renames: dict[str, dict[str, str]] = {}
    for (inner, place), mine in edits.items():
        if place is Place.KEY:
            key = literals[inner, place].text
            renames.setdefault(inner.rpartition("/")[0], {})[key] = _edited(key, mine)
    if not renames:
        return []
    siblings: dict[str, list[str]] = {parent: [] for parent in renames}
    for (inner, place), literal in literals.items():
        parent = inner.rpartition("/")[0]
        if place is Place.KEY and parent in siblings:
            siblings[parent].append(literal.text)
    pieces = []
    for parent, keys in siblings.items():
        for old, new in zip(keys, _renamed(keys, renames[parent]), strict=True):
            if new != old:
                literal = literals[f"{parent}/{escape(old)}", Place.KEY]
                pieces.append((literal.start, literal.end, f'"{jsontext.encode(new)}"'))
    return pieces


def _renamed(keys: Sequence[str], renames: Mapping[str, str]) -> list[str]:
    """New names of an object's members in their order, all different."""
    taken = {key for key in keys if renames.get(key, key) == key}
    tries: dict[str, int] = {}
    final = []
    for key in keys:
        wanted = renames.get(key, key)
        new = wanted
        if wanted != key:
            count = tries.get(wanted, 1)
            while new in taken:
                count += 1
                new = f"{wanted}_{count}"
            tries[wanted] = count
            taken.add(new)
        final.append(new)
    return final

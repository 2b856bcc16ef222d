"""From policy files to a compiled set: everything that can be wrong is found here, all of it at once."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import regex

from guardrails import __version__
from guardrails.detectors import Detector, JudgeSpec, PiiSpec, SpecError
from guardrails.detectors.base import Pattern, Placed, Spec, foresight
from guardrails.detectors.patterns import Index, PatternError, check
from guardrails.masking import AnyMask, PlaceholderMask
from guardrails.model import Action, Hook, Kind, Mode, OnError, Role
from guardrails.policy.decode import LoadedFile, load_file
from guardrails.policy.diagnostics import Diagnostic, Level
from guardrails.policy.language import ExceptionRecord, PolicyFile, Rule, Scope
from guardrails.policy.policyset import (
    DESTINATIONS,
    CompiledEscalation,
    CompiledException,
    CompiledRestore,
    CompiledRule,
    CompiledScope,
    Globs,
    PolicySet,
)
from guardrails.policy.source import Source

SUFFIXES = (".yaml", ".yml")


class LoadError(Exception):
    """Policies that cannot be put in force, with everything that is wrong with them."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.summary())

    def summary(self) -> str:
        """One line: how many errors, and the first of them."""
        errors = [one for one in self.diagnostics if one.level is Level.ERROR]
        first = errors[0]
        where = first.file if first.line is None else f"{first.file}:{first.line}"
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        return f"{count}; first {where}: {first.message}"


class Compiled(msgspec.Struct, frozen=True):
    """What came of compiling: a set unless there are errors, and all diagnostics."""

    policies: PolicySet | None
    files: tuple[LoadedFile, ...]
    diagnostics: tuple[Diagnostic, ...]


def load_set(paths: Sequence[Path], *, cache: Path | None = None) -> PolicySet:
    """The compiled set of all policy files under `paths`. Raises `LoadError`."""
    compiled = compile_files(read_files(paths), cache=cache)
    if compiled.policies is None:
        raise LoadError(compiled.diagnostics)
    return compiled.policies


def find_files(paths: Sequence[Path]) -> Iterator[Path]:
    """Policy files among `paths` and in the folders among them, sorted."""
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.suffix in SUFFIXES and one.is_file())
        else:
            yield path


def read_files(paths: Sequence[Path]) -> list[LoadedFile]:
    """Reads and decodes every file; one that cannot be read is an error among its diagnostics."""
    loaded = []
    for path in find_files(paths):
        try:
            text = path.read_bytes()
        except OSError as error:
            loaded.append(_unreadable(str(path), (error.strerror or "cannot be read").lower()))
        else:
            loaded.append(load_file(text, str(path)))
    loaded = _without_recognizers(loaded)
    if not loaded:
        where = ", ".join(str(path) for path in paths)
        loaded.append(
            _unreadable(where, "no policy file here", "name a file, or a folder with `.yaml` files")
        )
    return loaded


def _without_recognizers(loaded: list[LoadedFile]) -> list[LoadedFile]:
    """The policies alone: a file that a policy names as its recognisers may lie beside it."""
    named = {
        (Path(file.name).parent / rule.detect.recognizers).resolve()
        for file in loaded
        if file.policy is not None
        for rule in file.policy.rules
        if isinstance(rule.detect, PiiSpec) and rule.detect.recognizers is not None
    }
    return [file for file in loaded if Path(file.name).resolve() not in named] if named else loaded


def compile_files(
    files: Sequence[LoadedFile], *, cache: Path | None = None, providers: Collection[str] | None = None
) -> Compiled:
    """Compiles decoded files into one set; `providers` are those that rules may ask, None for any."""
    return _Compiler(files, cache, providers).run()


def _unreadable(name: str, message: str, help: str = "") -> LoadedFile:
    source = Source(name, ())
    return LoadedFile(None, None, (source.problem("unreadable", message, None, help),), source)


_MODELS = Path(__file__).resolve().parents[1] / "catalogue" / "models"


class _Compiler:
    def __init__(
        self, files: Sequence[LoadedFile], cache: Path | None, providers: Collection[str] | None
    ) -> None:
        self._files = files
        self._providers = providers
        self._cache = cache
        self._problems: list[Diagnostic] = [one for file in files for one in file.diagnostics]
        self._detectors: list[Detector] = []
        self._numbers: dict[object, int] = {}
        self._gates: dict[int, int] = {}
        self._first_use: list[tuple[LoadedFile, int]] = []
        self._rules: list[CompiledRule] = []
        self._exceptions: list[CompiledException] = []
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def run(self) -> Compiled:
        decoded = [(file, file.policy) for file in self._files if file.policy is not None]
        # What is remembered of texts names detectors by number: one digest, one numbering, whatever the files
        # are called.
        decoded.sort(key=lambda one: one[1].policy)
        for file, policy in decoded:
            self._policy(file, policy)
        for file, policy in decoded:
            for number, record in enumerate(policy.exceptions):
                self._exception(file, number, record, complete=len(decoded) == len(self._files))
        policies = None
        if not self._failed():
            # What several detectors look for is looked for once.
            users: dict[Pattern, list[tuple[int, int]]] = {}
            for number, detector in enumerate(self._detectors):
                for own, pattern in enumerate(detector.patterns):
                    users.setdefault(pattern, []).append((number, own))
            index = self._index(users)
            if index is not None:
                policies = PolicySet(
                    self._rules,
                    self._exceptions,
                    self._detectors,
                    index,
                    list(users.values()),
                    self._digest([policy for _, policy in decoded]),
                    gates=self._gates,
                )
        return Compiled(policies, tuple(self._files), tuple(self._problems))

    def _failed(self) -> bool:
        return any(one.level is Level.ERROR for one in self._problems)

    def _policy(self, file: LoadedFile, policy: PolicyFile) -> None:
        if policy.policy in self._names:
            message = f"policy `{policy.policy}` is also in {self._names[policy.policy]}"
            self._error(
                file, ("policy",), "duplicate-policy", message, "give each file's policy its own name"
            )
        self._names.setdefault(policy.policy, file.name)
        outer = _scope(policy.scope)
        for number, rule in enumerate(policy.rules):
            self._rule(file, policy, outer, number, rule)

    def _rule(
        self, file: LoadedFile, policy: PolicyFile, outer: CompiledScope | None, number: int, rule: Rule
    ) -> None:
        path = ("rules", number)
        if rule.id in self._ids and self._ids[rule.id] != file.name:
            message = f"rule `{rule.id}` is also in {self._ids[rule.id]}"
            self._error(file, (*path, "id"), "duplicate-rule", message, "give each rule of a set its own id")
        self._ids.setdefault(rule.id, file.name)
        detector = self._detector(file, path, rule)
        if detector is None:
            return
        scopes = tuple(scope for scope in (outer, _scope(rule.scope)) if scope is not None)
        restore = _restore(rule.mask)
        if restore is not None:
            self._check_restore(file, (*path, "mask", "restore"), restore, scopes)
        self._rules.append(
            CompiledRule(
                id=rule.id,
                policy=policy.policy,
                title=rule.title,
                severity=rule.severity,
                action=rule.action,
                mode=_mode(policy.mode, rule.mode),
                on_error=rule.on_error or policy.on_error,
                scopes=scopes,
                detector=detector,
                mask=rule.mask,
                restore=restore,
                escalate=CompiledEscalation(rule.escalate.count, rule.escalate.action)
                if rule.escalate
                else None,
                deny_streams=policy.streams is OnError.DENY,
                on_streams=foresight(self._detectors[detector]) is not None,
                description=rule.description,
                tags=rule.tags,
                references=rule.references,
            )
        )

    def _check_restore(
        self,
        file: LoadedFile,
        path: tuple[str | int, ...],
        restore: CompiledRestore,
        scopes: tuple[CompiledScope, ...],
    ) -> None:
        """The client says again what came back: the rule must mask it there, or it leaves in clear."""
        if not all(one.hooks is None or Hook.REQUEST in one.hooks for one in scopes):
            message = "rule restores and masks no request: there is nothing to give back"
            help = "remove `restore`, or add `request` to the scope's `hooks`"
            self._error(file, path, "superfluous-restore", message, help)
            return
        missed = sorted(
            f"`{kind.value}` of `{role.value}`"
            for role, kind in DESTINATIONS
            if restore.reaches(role, kind) and not all(one.covers_segment(role, kind) for one in scopes)
        )
        if missed:
            message = f"values come back to {missed[0]}, which the rule does not mask in the next request"
            help = "widen the scope's `roles` and `kinds`, or narrow those of `restore`"
            self._error(file, path, "leaking-restore", message, help)

    def _detector(self, file: LoadedFile, path: tuple[str | int, ...], rule: Rule) -> int | None:
        number = self._built(file, (*path, "detect"), rule.detect)
        if number is not None and isinstance(rule.detect, JudgeSpec):
            self._check_judge(file, path, rule, rule.detect)
            if rule.detect.only_if is not None:
                gate = self._built(file, (*path, "detect", "only_if"), rule.detect.only_if)
                if gate is None:
                    return None
                self._gates[number] = gate
        return number

    def _check_judge(
        self, file: LoadedFile, path: tuple[str | int, ...], rule: Rule, spec: JudgeSpec
    ) -> None:
        if rule.examples:
            message = "what a provider answers cannot be tested by examples"
            help = "remove them; try the rule in `mode: shadow`"
            self._error(file, (*path, "examples"), "bad-example", message, help)
        if self._providers is not None and spec.provider not in self._providers:
            message = f"no provider is called `{spec.provider}`"
            help = _suggest(spec.provider, self._providers) or "add it to the service's `judges_file`"
            self._error(file, (*path, "detect", "provider"), "unknown-provider", message, help)

    def _built(self, file: LoadedFile, path: tuple[str | int, ...], spec: Spec) -> int | None:
        """The number of the detector that a block at `path` describes."""
        if isinstance(spec, Placed):
            spec = spec.placed(Path(file.name).parent)
        number = self._numbers.get(spec)
        if number is not None:
            return number
        try:
            detector = spec.detector()
        except SpecError as error:
            self._error(file, (*path, *error.path), "bad-detector", error.message, error.help)
            return None
        self._detectors.append(detector)
        self._first_use.append((file, int(path[1])))
        number = self._numbers[spec] = len(self._detectors) - 1
        return number

    def _index(self, users: Mapping[Pattern, Sequence[tuple[int, int]]]) -> Index | None:
        try:
            return Index.compile(list(users), cache=self._cache)
        except PatternError as error:
            detector, _ = list(users.values())[error.index][0]
            file, rule = self._first_use[detector]
            path = ("rules", rule, "detect", "pattern")
            self._error(file, path, "bad-pattern", error.message, error.help)
            return None

    def _exception(self, file: LoadedFile, number: int, record: ExceptionRecord, *, complete: bool) -> None:
        path = ("exceptions", number)
        rules = Globs.of(record.rules)
        for place, name in enumerate(record.rules):
            # A file that did not load may hold the rule.
            if complete and not any(Globs.of([name]).match(id) for id in self._ids):
                message = f"no rule of the set is called `{name}`"
                self._error(file, (*path, "rules", place), "unknown-rule", message, _suggest(name, self._ids))
        pattern = None
        if record.pattern is not None:
            try:
                check(Pattern("exception", record.pattern))
                pattern = regex.compile(record.pattern)
            except PatternError as error:
                self._error(file, (*path, "pattern"), "bad-pattern", error.message, error.help)
        self._exceptions.append(
            CompiledException(
                id=record.id,
                rules=rules,
                values=frozenset(value.casefold() for value in record.values),
                fingerprints=frozenset(record.fingerprints),
                pattern=pattern,
                expires=dt.date.fromisoformat(record.expires),
                owner=record.owner,
            )
        )

    def _error(
        self, file: LoadedFile, path: tuple[str | int, ...], code: str, message: str, help: str = ""
    ) -> None:
        self._problems.append(file.diagnostic(path, code, message, help))

    def _digest(self, policies: Sequence[PolicyFile]) -> str:
        """SHA-256 of the canonical form: order of files, keys and comments do not count.

        The models that ship count by their cards, which hold the hashes of their weights.
        """
        state = hashlib.sha256(__version__.encode())
        for card in sorted(_MODELS.glob("*.json")):
            state.update(card.read_bytes())
        for policy in sorted(policies, key=lambda one: one.policy):
            state.update(msgspec.json.encode(policy, order="deterministic"))
        for data in sorted(
            msgspec.json.encode((detector.name, detector.patterns)) for detector in self._detectors
        ):
            state.update(data)
        return f"sha256:{state.hexdigest()}"


def _mode(outer: Mode, own: Mode | None) -> Mode:
    """A rule may override its policy's mode; a policy that is off stays off."""
    return outer if own is None or outer is Mode.OFF else own


def _restore(mask: AnyMask | None) -> CompiledRestore | None:
    said = mask.restore if isinstance(mask, PlaceholderMask) else None
    if said is None:
        return None
    return CompiledRestore(
        roles=None if said.roles is None else frozenset(map(Role, said.roles)),
        kinds=None if said.kinds is None else frozenset(map(Kind, said.kinds)),
        tools=None if said.tools is None else Globs.of(said.tools),
    )


def _scope(scope: Scope | None) -> CompiledScope | None:
    if scope is None:
        return None

    def globs(texts: tuple[str, ...] | None) -> Globs | None:
        return None if texts is None else Globs.of(texts)

    return CompiledScope(
        hooks=None if scope.hooks is None else frozenset(scope.hooks),
        roles=None if scope.roles is None else frozenset(scope.roles),
        kinds=None if scope.kinds is None else frozenset(scope.kinds),
        tenants=globs(scope.tenants),
        routes=globs(scope.routes),
        providers=globs(scope.providers),
        models=globs(scope.models),
        metadata=tuple(
            (name, Globs.of([value] if isinstance(value, str) else value))
            for name, value in (scope.metadata or {}).items()
        ),
    )


def _suggest(name: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean `{close[0]}`?" if close else ""


__all__ = ["Action", "Compiled", "LoadError", "compile_files", "find_files", "load_set", "read_files"]

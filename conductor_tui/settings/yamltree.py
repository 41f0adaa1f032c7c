"""YAML into a Document: lines kept, duplicate keys told, aliases bounded, no objects built."""

from __future__ import annotations

import yaml

from conductor_tui.settings.document import MAX_DEPTH, MAX_VALUES, Document, Path, Unreadable, Value

_MERGE = "tag:yaml.org,2002:merge"
_AS_TEXT = {"tag:yaml.org,2002:timestamp"}
"""A date is text to us: no setting is one, and a title may be."""
_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML was built with it: about ten times faster."""


def parse_yaml(name: str, text: str) -> Document:
    """Parse one YAML document.

    Duplicate keys, keys that are no text and unknown tags become faults of the document.

    Raises:
        Unreadable: it is not YAML, is nested too deep, or its aliases expand too far.
    """
    _check_depth(text)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        raise Unreadable(f"not YAML: {error.reason}", _line_at(text, error.position)) from None
    except yaml.MarkedYAMLError as error:
        problem = error.problem or error.context or "syntax error"
        line = _line_of(error)
        last = max(1, len(text.splitlines()))
        raise Unreadable(f"not YAML: {problem}", line and min(line, last)) from None
    except (yaml.YAMLError, RecursionError, UnicodeError) as error:
        raise Unreadable(f"not YAML: {error or type(error).__name__}") from None
    document = Document(name)
    if node is not None:
        document.lines[()] = node.start_mark.line + 1
        document.value = _Builder(document).build(node, ())
    return document


def _check_depth(text: str) -> None:
    """Refuse flow nesting that would exhaust the parser's stack before we could count it."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise Unreadable(f"nested deeper than {MAX_DEPTH} levels", _event_line(event))
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except (yaml.YAMLError, RecursionError, UnicodeError):
        return  # compose() tells it, with its place


def _event_line(event: yaml.Event) -> int | None:
    return None if event.start_mark is None else event.start_mark.line + 1


def _line_of(error: yaml.MarkedYAMLError) -> int | None:
    for mark in (error.problem_mark, error.context_mark):
        if mark is not None:
            return mark.line + 1
    return None


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


class _Builder:
    """Builds values from nodes, each alias anew, so that the bound counts what it would cost."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._scalars = yaml.constructor.SafeConstructor()
        self._count = 0
        self._open: set[int] = set()

    def build(self, node: yaml.Node, path: Path) -> Value:
        """Return the value of a node, and note the lines of all in it."""
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > MAX_VALUES:
            raise Unreadable(f"holds more than {MAX_VALUES} values, aliases written out", line)
        if id(node) in self._open:
            raise Unreadable("an alias stands within what it names", line, path)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if len(path) > MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH} levels", line)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return self._sequence(node, path)
            assert isinstance(node, yaml.MappingNode)
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Value:
        if node.tag in _AS_TEXT:
            return str(node.value)
        if node.tag not in _SCALARS:
            self._blame(path, f"the tag {node.tag} is not taken here", node)
            return str(node.value)
        try:
            value: Value = self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            self._blame(path, f"not a {node.tag.rpartition(':')[2]}: {error}", node)
            return str(node.value)
        return value

    def _sequence(self, node: yaml.SequenceNode, path: Path) -> list[Value]:
        items = []
        for index, child in enumerate(node.value):
            self._document.lines[(*path, index)] = child.start_mark.line + 1
            items.append(self.build(child, (*path, index)))
        return items

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Value]:
        own: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        for key_node, child in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _MERGE:
                merged = self._merge(child, path) | merged
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in own:
                first = self._document.lines[(*path, key)]
                text = f"the key stands twice (first on line {first})"
                self._document.faults.append(self._document.blame((*path, key), text, line))
                continue
            self._document.lines[(*path, key)] = line
            own[key] = self.build(child, (*path, key))
        return merged | own

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._blame(path, "a key has to be text", node)
            return None
        # `on`, `no` and `1` are no text to YAML; as a key the name is meant.
        return str(node.value)

    def _merge(self, node: yaml.Node, path: Path) -> dict[str, Value]:
        """Return what ``<<:`` brings; of several mappings the first wins, as YAML says."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, Value] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                self._blame(path, "<<: takes a mapping, or a list of them", source)
                continue
            value = self.build(source, path)
            if isinstance(value, dict):
                found = value | found
        return found

    def _blame(self, path: Path, text: str, node: yaml.Node) -> None:
        line = node.start_mark.line + 1
        self._document.faults.append(self._document.blame(path, text, line))

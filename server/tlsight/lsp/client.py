"""What the client on the other end can do, asked once, so that nobody digs in its capabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lsprotocol import types
from pygls.capabilities import ServerCapabilitiesBuilder, get_capability

from tlsight.text import Encoding

STATUS = "tlsightStatus"
"""The experimental capability of a client that wants to hear how the analysis stands."""


@dataclass(frozen=True)
class ClientInfo:
    """The abilities of a client that change what it is sent."""

    encoding: Encoding = Encoding.UTF16
    pulls: bool = False
    """It asks for diagnostics, and hears of new ones; else they are pushed."""
    refreshes: bool = False
    related: bool = False
    links: bool = False
    deprecated_tag: bool = False
    data: bool = False
    versioned_edits: bool = False
    action_literals: bool = False
    resolves: bool = False
    preferred: bool = False
    disabled: bool = False
    action_data: bool = False
    markdown: bool = False
    configuration: bool = False
    configuration_changes: bool = False
    watches: bool = False
    watches_outside: bool = False
    progress: bool = False
    status: bool = False
    """It shows `tlsight/status`, which is no part of the protocol."""

    @classmethod
    def of(cls, capabilities: types.ClientCapabilities) -> ClientInfo:
        """What these capabilities say.

        A client that pulls but cannot be told of a second answer is served by push, so that the
        first answer need not wait; unless it knows nothing but pull.
        """

        def can(path: str) -> bool:
            return bool(get_capability(capabilities, path, False))

        def has(path: str) -> bool:
            return get_capability(capabilities, path, None) is not None

        refreshes = can("workspace.diagnostics.refresh_support")
        push = "text_document.publish_diagnostics"
        pulls = has("text_document.diagnostic") and (refreshes or not has(push))
        shown = "text_document.diagnostic" if pulls else push
        tags = get_capability(capabilities, f"{shown}.tag_support.value_set", None) or (
            get_capability(capabilities, f"{push}.tag_support.value_set", None) or ()
        )
        resolved = (
            get_capability(
                capabilities, "text_document.code_action.resolve_support.properties", None
            )
            or ()
        )
        formats = get_capability(capabilities, "text_document.hover.content_format", None) or ()
        encoding = ServerCapabilitiesBuilder.choose_position_encoding(capabilities)
        watching = "workspace.did_change_watched_files"
        return cls(
            encoding=Encoding(getattr(encoding, "value", encoding)),
            pulls=pulls,
            refreshes=refreshes,
            related=can(f"{shown}.related_information") or can(f"{push}.related_information"),
            links=can(f"{shown}.code_description_support")
            or can(f"{push}.code_description_support"),
            deprecated_tag=types.DiagnosticTag.Deprecated in tags,
            data=can(f"{shown}.data_support") or can(f"{push}.data_support"),
            versioned_edits=can("workspace.workspace_edit.document_changes"),
            action_literals=has("text_document.code_action.code_action_literal_support"),
            resolves="edit" in resolved and can("text_document.code_action.data_support"),
            preferred=can("text_document.code_action.is_preferred_support"),
            disabled=can("text_document.code_action.disabled_support"),
            action_data=can("text_document.code_action.data_support"),
            markdown=types.MarkupKind.Markdown in formats,
            configuration=can("workspace.configuration"),
            configuration_changes=can("workspace.did_change_configuration.dynamic_registration"),
            watches=can(f"{watching}.dynamic_registration"),
            watches_outside=can(f"{watching}.relative_pattern_support"),
            progress=can("window.work_done_progress"),
            status=_experimental(capabilities, STATUS),
        )


def _experimental(capabilities: types.ClientCapabilities, name: str) -> bool:
    """Whether a capability is there that the protocol does not know; any shape of it is read."""
    value = capabilities.experimental
    found = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return found is True

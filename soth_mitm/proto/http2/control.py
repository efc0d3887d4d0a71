"""The frames that govern a connection and its streams (RFC 9113 section 6), and who sends too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.proto.http2 import codes, settings
from soth_mitm.proto.http2.bounds import WINDOW_UPDATES_FREE, Bounds, Floods
from soth_mitm.proto.http2.codes import ErrorCode, frame
from soth_mitm.proto.http2.events import Event, GoneAway, Refused, Reset, SettingsCame
from soth_mitm.proto.http2.sending import Sender
from soth_mitm.proto.http2.stream import Stream

if TYPE_CHECKING:
    from soth_mitm.proto.http2.hpack import Decoded


class Fatal(Exception):
    """The connection cannot go on."""

    def __init__(self, code: ErrorCode, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.reason = reason
        self.detail = detail


class ControlReader(Sender):
    """Heeds what the peer says about the connection and its streams."""

    def __init__(self, *, client: bool, bounds: Bounds) -> None:
        super().__init__(client=client, bounds=bounds)
        self.settled = False
        """The peer's first settings have come."""
        self.highest = 0
        """The peer's latest stream."""
        self.events: list[Event] = []
        self._floods = Floods(bounds.flood_window)
        self._now = 0.0
        self._updates = 0

    # --- defects ----------------------------------------------------------------------------------

    @staticmethod
    def _fail(code: ErrorCode, reason: str, detail: str) -> Fatal:
        return Fatal(code, reason, detail)

    def _flood(self, name: str, limit: int, reason: str) -> None:
        """Count one more of what is worth nothing; too many of it end the connection."""
        if self._floods.count(name, self._now, self._data_frames) > limit:
            detail = f"more than {limit} in {self.bounds.flood_window:g} s"
            raise Fatal(ErrorCode.ENHANCE_YOUR_CALM, reason, detail)

    def _refuse(
        self,
        number: int,
        code: ErrorCode,
        reason: str,
        *,
        detail: str,
        block: Decoded | None = None,
    ) -> None:
        """Reset one stream for a fault of the peer's; many of these end the connection (CVE-2025-8671)."""
        stream = self.streams.get(number)
        if stream is None:
            self._reset_number(number, code)
        else:
            self.reset(stream, code)
        self.events.append(Refused(number, stream, code, reason, detail, block))
        self._flood("errors", self.bounds.errors, "stream_error_flood")

    def _idle(self, number: int) -> bool:
        """Return whether a stream has never been opened."""
        if (number & 1 == 1) is self.client:
            return number >= self._next
        return number > self.highest

    # --- frames -----------------------------------------------------------------------------------

    def _on_settings(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_stream_of_frame", "SETTINGS on a stream")
        if flags & codes.ACK:
            if payload:
                raise self._fail(ErrorCode.FRAME_SIZE_ERROR, "h2_frame_size", "an acknowledgement with data")
            return
        if len(payload) % 6:
            raise self._fail(ErrorCode.FRAME_SIZE_ERROR, "h2_frame_size", "SETTINGS cut inside a pair")
        self._flood("settings", self.bounds.settings, "settings_flood")
        try:
            pairs = settings.parse(payload)
        except settings.IllegalSetting as error:
            raise self._fail(error.code, "h2_setting", str(error)) from None
        for setting, value in pairs:
            self._heed(setting, value)
        self.settled = True
        self._out.append(frame(codes.SETTINGS, codes.ACK, 0))
        self.events.append(SettingsCame(pairs))

    def _heed(self, setting: int, value: int) -> None:
        if setting == codes.INITIAL_WINDOW_SIZE:
            change = value - self._peer_window
            self._peer_window = value
            for stream in self.streams.values():
                stream.send_window += change
                if stream.send_window > codes.MAX_WINDOW:
                    raise self._fail(
                        ErrorCode.FLOW_CONTROL_ERROR, "h2_window_overflow", "INITIAL_WINDOW_SIZE"
                    )
        elif setting == codes.HEADER_TABLE_SIZE:
            self._encoder.allow(value)
        elif setting == codes.MAX_FRAME_SIZE:
            self._frame_size = value
        elif setting == codes.MAX_CONCURRENT_STREAMS:
            self.peer_max_streams = value
        elif setting == codes.ENABLE_CONNECT_PROTOCOL:
            self.peer_connect_protocol = bool(value)
        elif setting == codes.ENABLE_PUSH and self.client and value:
            raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_setting", "a server sent ENABLE_PUSH")

    def _on_ping(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_stream_of_frame", "PING on a stream")
        if len(payload) != 8:
            raise self._fail(ErrorCode.FRAME_SIZE_ERROR, "h2_frame_size", f"a PING of {len(payload)} bytes")
        if not flags & codes.ACK:
            # A peer that measures the way pings along with its data.
            self._flood("pings", self.bounds.pings + self._floods.carried(self._data_frames), "ping_flood")
            self.send_ping(payload, ack=True)

    def _on_goaway(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_stream_of_frame", "GOAWAY on a stream")
        if len(payload) < 8:
            raise self._fail(ErrorCode.FRAME_SIZE_ERROR, "h2_frame_size", "GOAWAY is too short")
        self._flood("settings", self.bounds.settings, "settings_flood")
        self.gone_away = True
        last = int.from_bytes(payload[:4], "big") & codes.MAX_WINDOW
        self.events.append(GoneAway(last, int.from_bytes(payload[4:8], "big"), payload[8:264]))

    def _on_window_update(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise self._fail(ErrorCode.FRAME_SIZE_ERROR, "h2_frame_size", "WINDOW_UPDATE takes 4 bytes")
        self._updates += 1
        if self._updates > WINDOW_UPDATES_FREE + 4 * self._data_frames:
            raise self._fail(
                ErrorCode.ENHANCE_YOUR_CALM, "window_update_flood", f"{self._updates} for nothing"
            )
        more = int.from_bytes(payload, "big") & codes.MAX_WINDOW
        if not number:
            self.window += more
            if not more:
                raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_window_zero", "an update by 0")
            if self.window > codes.MAX_WINDOW:
                raise self._fail(
                    ErrorCode.FLOW_CONTROL_ERROR, "h2_window_overflow", "the connection's window"
                )
            return
        stream = self.streams.get(number)
        if stream is None:
            if self._idle(number):
                raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_idle_stream", "WINDOW_UPDATE before a head")
            return
        stream.send_window += more
        if not more:
            self._refuse(number, ErrorCode.PROTOCOL_ERROR, "h2_window_zero", detail="an update by 0")
        elif stream.send_window > codes.MAX_WINDOW:
            self._refuse(
                number, ErrorCode.FLOW_CONTROL_ERROR, "h2_window_overflow", detail="the stream's window"
            )

    def _on_rst_stream(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise self._fail(ErrorCode.FRAME_SIZE_ERROR, "h2_frame_size", "RST_STREAM takes 4 bytes")
        if not number or self._idle(number):
            raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_idle_stream", "RST_STREAM before a head")
        stream = self.streams.get(number)
        if not self.client and stream is not None and not stream.answered:
            self._flood("resets", self.bounds.resets, "rapid_reset")
        else:
            self._flood("other", self.bounds.other_frames, "idle_frame_flood")
        if stream is not None:
            self._forget(stream)
            self.events.append(Reset(stream, int.from_bytes(payload, "big")))

    def _on_priority(self, flags: int, number: int, payload: bytes) -> None:
        if not number:
            raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_stream_of_frame", "PRIORITY on stream 0")
        self._flood("other", self.bounds.other_frames, "idle_frame_flood")
        if len(payload) != 5:
            self._refuse(number, ErrorCode.FRAME_SIZE_ERROR, "h2_frame_size", detail="PRIORITY takes 5 bytes")
        elif int.from_bytes(payload[:4], "big") & codes.MAX_WINDOW == number:
            self._refuse(number, ErrorCode.PROTOCOL_ERROR, "h2_priority", detail="it depends on itself")

    def _on_push_promise(self, flags: int, number: int, payload: bytes) -> None:
        raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_push", "PUSH_PROMISE, which was switched off")

    def _on_unknown(self, flags: int, number: int, payload: bytes) -> None:
        """Pass over a frame of an extension (RFC 9113 section 5.5); too many of them are a flood."""
        self._flood("other", self.bounds.other_frames, "idle_frame_flood")


__all__ = ["ControlReader", "Fatal", "Stream"]

"""The byte layout of `.soth`: segment header, block header, and the limits both keep to.

A file is one segment after another. A segment is a header, then blocks; a block is a header, then
a payload of frames (`frames`), or the footer of its segment (`footer`). All integers are
little-endian. docs/dump-format.md describes the same byte by byte. Pure: nothing here opens a file.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import msgspec

VERSION = 1
"""Version of the layout; raised when a reader of the old one would misread a new file."""

MAGIC_PREFIX = b"\x89SOTH\r\n"
"""What both magics begin with, so that a search for the next good place is one search."""

SEGMENT_MAGIC = MAGIC_PREFIX + b"\x1a"
BLOCK_MAGIC = MAGIC_PREFIX + b"\x02"
MAGIC_SIZE = 8

SEGMENT_BYTES = 64 * 1024 * 1024
"""A segment ends before a further block of `BLOCK_BYTES` would carry it past this size."""

FLUSH_BYTES = 64 * 1024
"""A writer closes a block that has reached this size."""

BLOCK_BYTES = 256 * 1024
"""Most bytes of a block's payload, unless a single frame is longer."""

FRAME_BYTES = 8 * 1024 * 1024
"""Most bytes of one frame, so also of the payload of a block that holds a single long one."""

CODEC_STORED = 0
"""The payload is stored as it is."""
CODEC_ZSTD = 1
"""The payload is one frame of Zstandard."""

BLOCK_FOOTER = 1
"""Block flag: the payload is the footer of the segment, not frames."""
BLOCK_CHECKPOINT = 2
"""Block flag: every frame repeats an event of an earlier segment."""
BLOCK_INDEX = BLOCK_FOOTER | 4
"""Block flags: the payload is a part of the row index. Who does not know it sees a footer, and no frames."""

_SEGMENT = struct.Struct("<8sHHI")
_BLOCK = struct.Struct("<8sBBHIIIQQI")
_CRC = struct.Struct("<I")

SEGMENT_HEADER_SIZE = _SEGMENT.size
"""Bytes of a segment header before its map; a CRC-32 follows the map."""

BLOCK_HEADER_SIZE = _BLOCK.size + _CRC.size

SEGMENT_MAP_BYTES = 1024 * 1024
"""Most bytes of the map in a segment header; a filter text is the only long thing in it."""


class LayoutError(Exception):
    """Bytes that are not what stands at this place in a sound file; `code` says what is wrong."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NewerVersion(LayoutError):
    """A sound segment header of a version that this reader does not know."""

    def __init__(self, version: int) -> None:
        super().__init__("newer_version")
        self.version = version


class SegmentInfo(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a segment header says about the frames that follow."""

    run_id: str
    """Identity of the run that wrote it; the same in each segment of the run."""
    number: int
    """Number of the segment within its run, from 1."""
    wall_ns: int
    """Nanoseconds since 1970 UTC at which the segment was begun."""
    mono_ns: int
    """Monotonic time of the same moment."""
    filter: str = ""
    """The expression that chose what was written; empty where everything was."""
    writer: str = ""
    """Name and version of the program that wrote it."""


class BlockHeader(NamedTuple):
    """The fixed head of a block. `stored` bytes of payload follow it."""

    codec: int
    flags: int
    stored: int
    plain: int
    """Bytes of the payload once the codec is undone."""
    frames: int
    first_seq: int
    """The lowest `seq` of its frames; 0 for a footer."""
    last_seq: int
    crc: int
    """CRC-32 of the payload as stored."""

    @property
    def has_frames(self) -> bool:
        """Whether the payload is frames."""
        return not self.flags & BLOCK_FOOTER

    @property
    def ends_segment(self) -> bool:
        """Whether the payload is the footer."""
        return self.flags & BLOCK_INDEX == BLOCK_FOOTER


_info_encoder = msgspec.msgpack.Encoder()
_info_decoder = msgspec.msgpack.Decoder(SegmentInfo)


def encode_segment_header(info: SegmentInfo) -> bytes:
    """Return the bytes that open a segment."""
    body = _info_encoder.encode(info)
    head = _SEGMENT.pack(SEGMENT_MAGIC, VERSION, 0, len(body)) + body
    return head + _CRC.pack(zlib.crc32(head))


def decode_segment_header(data: bytes | bytearray, offset: int = 0) -> tuple[SegmentInfo, int] | None:
    """Read a segment header at `offset`; return it with the offset behind it.

    Returns None when `data` ends before the header does.

    Raises:
        NewerVersion: the header is sound, and of a version above `VERSION`.
        LayoutError: the bytes are no sound segment header.
    """
    if len(data) - offset < _SEGMENT.size:
        return None
    magic, version, _flags, length = _SEGMENT.unpack_from(data, offset)
    if magic != SEGMENT_MAGIC:
        raise LayoutError("segment_magic")
    if length > SEGMENT_MAP_BYTES:
        raise LayoutError("segment_length")
    end = offset + _SEGMENT.size + length
    if len(data) < end + _CRC.size:
        return None
    if _CRC.unpack_from(data, end)[0] != zlib.crc32(memoryview(data)[offset:end]):
        raise LayoutError("segment_crc")
    if version > VERSION:
        raise NewerVersion(version)
    try:
        info = _info_decoder.decode(memoryview(data)[offset + _SEGMENT.size : end])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise LayoutError("segment_map") from error
    return info, end + _CRC.size


def pack_block_header(buffer: bytearray, header: BlockHeader, offset: int = 0) -> None:
    """Write a block header into the room that `buffer` keeps for it at `offset`."""
    codec, flags, stored, plain, frames, first_seq, last_seq, crc = header
    _BLOCK.pack_into(
        buffer, offset, BLOCK_MAGIC, codec, flags, 0, stored, plain, frames, first_seq, last_seq, crc
    )
    with memoryview(buffer) as view:
        own = zlib.crc32(view[offset : offset + _BLOCK.size])
    _CRC.pack_into(buffer, offset + _BLOCK.size, own)


def finish_block(buffer: bytearray, *, flags: int, frames: int, first_seq: int, last_seq: int) -> None:
    """Fill in the header of a stored block: its first `BLOCK_HEADER_SIZE` bytes were kept free for it."""
    size = len(buffer) - BLOCK_HEADER_SIZE
    with memoryview(buffer) as view:
        crc = zlib.crc32(view[BLOCK_HEADER_SIZE:])
    pack_block_header(buffer, BlockHeader(CODEC_STORED, flags, size, size, frames, first_seq, last_seq, crc))


def compressed_block(buffer: bytearray, *, flags: int, frames: int, first_seq: int, last_seq: int) -> bytes:
    """Return the block of `buffer`, whose head is kept free, compressed where that makes it smaller."""
    import zstandard

    with memoryview(buffer) as view:
        packed = zstandard.ZstdCompressor(level=1).compress(view[BLOCK_HEADER_SIZE:])
    plain = len(buffer) - BLOCK_HEADER_SIZE
    if len(packed) >= plain:
        finish_block(buffer, flags=flags, frames=frames, first_seq=first_seq, last_seq=last_seq)
        return bytes(buffer)
    block = bytearray(BLOCK_HEADER_SIZE) + packed
    crc = zlib.crc32(packed)
    header = BlockHeader(CODEC_ZSTD, flags, len(packed), plain, frames, first_seq, last_seq, crc)
    pack_block_header(block, header)
    return bytes(block)


def plain_payload(header: BlockHeader, stored: bytes) -> bytes:
    """Return a payload with its codec undone, never more than its header promises.

    Raises:
        LayoutError: the codec is not known, or the bytes are not of it.
    """
    if header.codec == CODEC_STORED:
        return stored
    if header.codec != CODEC_ZSTD:
        raise LayoutError("block_codec")
    import zstandard

    try:
        plain = zstandard.ZstdDecompressor(max_window_size=2 * FRAME_BYTES).decompress(
            stored, max_output_size=header.plain
        )
    except (zstandard.ZstdError, MemoryError) as error:
        raise LayoutError("block_payload") from error
    if len(plain) != header.plain:
        raise LayoutError("block_payload")
    return plain


def decode_block_header(data: bytes | bytearray, offset: int = 0) -> BlockHeader | None:
    """Read a block header at `offset`; None when `data` ends before it does.

    Raises:
        LayoutError: the bytes are no sound block header, or it promises more than a block may hold.
    """
    if len(data) - offset < BLOCK_HEADER_SIZE:
        return None
    magic, codec, flags, _, stored, plain, frames, first, last, crc = _BLOCK.unpack_from(data, offset)
    if magic != BLOCK_MAGIC:
        raise LayoutError("block_magic")
    own = zlib.crc32(memoryview(data)[offset : offset + _BLOCK.size])
    if _CRC.unpack_from(data, offset + _BLOCK.size)[0] != own:
        raise LayoutError("block_header_crc")
    if stored > FRAME_BYTES or plain > FRAME_BYTES:
        raise LayoutError("block_length")
    return BlockHeader(codec, flags, stored, plain, frames, first, last, crc)


def check_block(block: bytes | bytearray) -> tuple[BlockHeader, bytes]:
    """Return header and payload, as stored, of one whole block.

    Raises:
        LayoutError: the block is cut or damaged.
    """
    header = decode_block_header(block)
    if header is None or len(block) < BLOCK_HEADER_SIZE + header.stored:
        raise LayoutError("block_cut")
    payload = bytes(memoryview(block)[BLOCK_HEADER_SIZE : BLOCK_HEADER_SIZE + header.stored])
    if zlib.crc32(payload) != header.crc:
        raise LayoutError("block_crc")
    return header, payload


def block_payload(block: bytes | bytearray) -> bytes:
    """Return the payload of one whole block, checked.

    Raises:
        LayoutError: the block is cut, damaged, or of a codec that is not known.
    """
    return plain_payload(*check_block(block))

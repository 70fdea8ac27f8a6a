//! The zstd frames of runs.

use zstd::bulk::Decompressor;
use zstd::zstd_safe::{find_frame_compressed_size, get_error_name};

use super::{BLOCK, RunDamage};

/// Unpacks the frame at the front of some bytes, and says how long it is.
pub(super) fn unpack_frame(bytes: &[u8], decompressor: &mut Decompressor<'_>) -> Result<(Vec<u8>, usize), RunDamage> {
    let length = find_frame_compressed_size(bytes)
        .map_err(|code| RunDamage::Contradiction(format!("a frame is not readable: {}", get_error_name(code))))?;
    let unpacked = decompressor.decompress(&bytes[..length], FRAME).map_err(RunDamage::Frame)?;
    Ok((unpacked, length))
}

/// What a frame unpacks to at most, in bytes. Those of format 1 were twice as large as those of format 2.
const FRAME: usize = 2 * BLOCK;

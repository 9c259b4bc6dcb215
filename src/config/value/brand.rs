//! The pages' look: a colour that can be read, a logo that is a picture and nothing else.

use std::io::Read as _;
use std::path::Path;

use crate::config::errors::{Fault, fault};
use crate::config::settings::Logo;
use crate::domain::{Colour, LEAST_CONTRAST};

/// A logo is shown 48 pixels high; this is generous and fits into memory and a slow line.
const MAX_LOGO_BYTES: usize = 256 * 1024;
/// The largest side; larger pictures are posters.
const MAX_LOGO_SIDE: u32 = 2_048;
/// Every PNG begins so (PNG, section 5.2), and its first chunk is IHDR, with width and height at its head.
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The accent of the pages: text and buttons in it stand on white.
pub(in crate::config) fn colour(text: &str) -> Result<Colour, Fault> {
    let example = "write # and six hexadecimal digits, such as \"#1f4fa3\"";
    let colour = Colour::parse(text).map_err(|_| fault("not a colour", example))?;
    let contrast = colour.contrast(Colour::WHITE);
    if contrast >= LEAST_CONTRAST {
        return Ok(colour);
    }
    let what = format!("is too light: its contrast to white is {contrast:.1} to 1");
    Err(fault(what, format!("take a darker one, of {LEAST_CONTRAST} to 1 at least, so that everybody can read it")))
}

/// The file's bytes, if it is a PNG of bounded size. Other kinds are refused: an SVG can hold scripts and links.
pub(in crate::config) fn logo(text: &str) -> Result<Logo, Fault> {
    let remedy = format!(
        "give a PNG file that this user can read, of at most {} KiB and {MAX_LOGO_SIDE} pixels a side",
        MAX_LOGO_BYTES / 1024
    );
    let read = |path: &Path| -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let most = u64::try_from(MAX_LOGO_BYTES).unwrap_or(u64::MAX) + 1;
        std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read(Path::new(text))
        .map_err(|error| fault(format!("names no file that can be read ({})", error.kind()), remedy.clone()))?;
    if bytes.len() > MAX_LOGO_BYTES {
        return Err(fault("is too large", remedy));
    }
    match sides(&bytes) {
        None => Err(fault("is not a PNG file", remedy)),
        Some(sides) if sides.iter().any(|side| !(1..=MAX_LOGO_SIDE).contains(side)) => {
            Err(fault("has too many pixels", remedy))
        }
        Some(_) => Ok(Logo(bytes.into())),
    }
}

/// Width and height of a PNG in pixels.
fn sides(bytes: &[u8]) -> Option<[u32; 2]> {
    let chunk = bytes.strip_prefix(PNG_SIGNATURE)?;
    let head = chunk.get(4..)?.strip_prefix(b"IHDR")?;
    let side = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    Some([side(0)?, side(4)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, more: usize) -> Vec<u8> {
        let mut bytes = PNG_SIGNATURE.to_vec();
        bytes.extend_from_slice(&13_u32.to_be_bytes());
        bytes.extend_from_slice(b"IHDR");
        bytes.extend_from_slice(&width.to_be_bytes());
        bytes.extend_from_slice(&height.to_be_bytes());
        bytes.resize(bytes.len() + 5 + more, 0);
        bytes
    }

    #[test]
    fn a_logo_is_a_png_of_bounded_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logo.png");
        let judge = |bytes: Vec<u8>| {
            std::fs::write(&path, bytes).unwrap();
            logo(path.to_str().unwrap()).map(|logo| logo.0.len()).map_err(|fault| fault.what)
        };
        assert_eq!(judge(png(120, 40, 0)), Ok(29));
        assert_eq!(judge(png(2_048, 2_048, 0)), Ok(29));
        assert_eq!(judge(png(2_049, 40, 0)).unwrap_err(), "has too many pixels");
        assert_eq!(judge(png(0, 40, 0)).unwrap_err(), "has too many pixels");
        assert_eq!(judge(png(120, 40, MAX_LOGO_BYTES)).unwrap_err(), "is too large");
        for other in [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"\xff\xd8\xff\xe0 JFIF", b"", PNG_SIGNATURE] {
            assert_eq!(judge(other.to_vec()).unwrap_err(), "is not a PNG file");
        }
        assert!(logo("/nowhere/logo.png").unwrap_err().what.starts_with("names no file"));
    }

    #[test]
    fn a_colour_that_cannot_be_read_is_refused_with_its_contrast() {
        assert_eq!(colour("#1F4FA3").unwrap().to_hex(), "#1f4fa3");
        assert_eq!(colour("#ffcc00").unwrap_err().what, "is too light: its contrast to white is 1.5 to 1");
        assert_eq!(colour("blue").unwrap_err().what, "not a colour");
    }
}

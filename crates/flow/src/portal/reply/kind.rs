//! What a file may be: its name says it and its first bytes bear it out.
//!
//! The media type that a browser claims counts for nothing: what is not known
//! here, or is not what its name says, is not taken.

use std::fmt;
use std::str::FromStr;

/// So many bytes tell what a file is.
pub(super) const HEAD_BYTES: usize = 64;

macro_rules! kinds {
    ($($kind:ident $word:literal $extensions:expr, $media_type:literal, $begins:expr;)*) => {
        /// A kind of file.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $(#[doc = $media_type] $kind,)* }

        impl Kind {
            /// Every kind that is known.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind,)*];

            /// The word for it in the configuration.
            pub const fn word(self) -> &'static str {
                match self { $(Kind::$kind => $word,)* }
            }

            /// How names of such files end, without the dot; the usual one first.
            pub const fn extensions(self) -> &'static [&'static str] {
                match self { $(Kind::$kind => &$extensions,)* }
            }

            /// The media type.
            pub const fn media_type(self) -> &'static str {
                match self { $(Kind::$kind => $media_type,)* }
            }

            /// Whether a file that begins so can be one.
            pub(super) fn begins(self, head: &[u8]) -> bool {
                let begins: fn(&[u8]) -> bool = match self { $(Kind::$kind => $begins,)* };
                begins(head)
            }
        }
    };
}

kinds! {
    Jpeg "jpeg" ["jpg", "jpeg", "jpe"], "image/jpeg", |head| head.starts_with(b"\xff\xd8\xff");
    Png "png" ["png"], "image/png", |head| head.starts_with(b"\x89PNG\r\n\x1a\n");
    Heic "heic" ["heic", "heif"], "image/heic", is_heif;
    Webp "webp" ["webp"], "image/webp", |head| head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    Gif "gif" ["gif"], "image/gif", |head| head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a");
    Tiff "tiff" ["tif", "tiff"], "image/tiff", |head| head.starts_with(b"II*\0") || head.starts_with(b"MM\0*");
    Pdf "pdf" ["pdf"], "application/pdf", |head| head.trim_ascii_start().starts_with(b"%PDF-");
    Text "txt" ["txt"], "text/plain", |head| !head.contains(&0) && !head.starts_with(b"MZ");
    Rtf "rtf" ["rtf"], "application/rtf", |head| head.starts_with(b"{\\rtf");
    Docx "docx" ["docx"], "application/vnd.openxmlformats-officedocument.wordprocessingml.document", is_zip;
    Xlsx "xlsx" ["xlsx"], "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", is_zip;
    Odt "odt" ["odt"], "application/vnd.oasis.opendocument.text", is_zip;
    Doc "doc" ["doc"], "application/msword", is_ole;
    Xls "xls" ["xls"], "application/vnd.ms-excel", is_ole;
    Mp4 "mp4" ["mp4", "m4v"], "video/mp4", is_boxed;
    Mov "mov" ["mov", "qt"], "video/quicktime", is_boxed;
}

/// The text is no kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of file that is known")]
pub struct UnknownKind;

impl Kind {
    /// Those that are taken where nothing else is said: pictures and documents
    /// without macros.
    pub const USUAL: [Kind; 11] = [
        Kind::Jpeg,
        Kind::Png,
        Kind::Heic,
        Kind::Webp,
        Kind::Gif,
        Kind::Tiff,
        Kind::Pdf,
        Kind::Text,
        Kind::Rtf,
        Kind::Docx,
        Kind::Odt,
    ];

    /// What a file with this name and these first bytes is, of what may be. A
    /// name that ends in nothing is a phone's: the bytes alone tell.
    pub(super) fn of(name: &str, head: &[u8], allowed: &[Kind]) -> Option<Kind> {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        let mut fitting = allowed.iter().copied().filter(|kind| kind.begins(head));
        match extension {
            Some(extension) => fitting.find(|kind| kind.extensions().contains(&extension.as_str())),
            // Any bytes might be text.
            None => fitting.find(|kind| kind.media_type().starts_with("image/") || *kind == Kind::Pdf),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.iter().copied().find(|kind| kind.word() == text).ok_or(UnknownKind)
    }
}

fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04")
}

fn is_ole(head: &[u8]) -> bool {
    head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
}

/// ISO/IEC 14496-12 §4.3; QuickTime of old has no such box first.
fn is_boxed(head: &[u8]) -> bool {
    matches!(head.get(4..8), Some(b"ftyp" | b"moov" | b"mdat" | b"wide" | b"free"))
}

/// ISO/IEC 23008-12 §10.
fn is_heif(head: &[u8]) -> bool {
    let brand = head.get(8..12).filter(|_| head.get(4..8) == Some(b"ftyp"));
    matches!(brand, Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"mif1" | b"msf1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, head: &[u8], expect: Option<Kind>) {
        assert_eq!(Kind::of(name, head, &Kind::USUAL), expect, "{name} {head:?}");
    }

    #[test]
    fn name_and_bytes_tell_what_a_file_is() {
        check("IMG_1.JPG", b"\xff\xd8\xff\xe0", Some(Kind::Jpeg));
        check("image", b"\xff\xd8\xff\xe0", Some(Kind::Jpeg));
        check("scan.pdf", b"\r\n%PDF-1.7", Some(Kind::Pdf));
        check("IMG_2.heic", b"\0\0\0\x18ftypheic", Some(Kind::Heic));
        check("note.txt", "señal".as_bytes(), Some(Kind::Text));
        check("letter.docx", b"PK\x03\x04", Some(Kind::Docx));
    }

    #[test]
    fn what_only_pretends_is_nothing() {
        check("photo.jpg", b"MZ\x90\0", None);
        check("photo.jpg", b"<script>", None);
        check("scan.pdf.exe", b"%PDF-1.7", None);
        check("scan.pdf", b"MZ\x90\0", None);
        check("page.html", b"<html>", None);
        check("picture.svg", b"<svg", None);
        check("macro.docm", b"PK\x03\x04", None);
        check("archive.zip", b"PK\x03\x04", None);
        check("program", b"\x7fELF", None);
        check("", b"plain words", None);
        check("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", None);
    }

    #[test]
    fn every_kind_has_its_own_word_and_names() {
        let names: Vec<&str> = Kind::ALL.iter().flat_map(|kind| kind.extensions()).copied().collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name}");
        }
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(*kind));
        }
    }
}

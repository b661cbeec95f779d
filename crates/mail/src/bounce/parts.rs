//! The parts of a report, wherever servers put them: what it says of a delivery
//! or a complaint, and the header block of the message that it is about.

use crate::entity::Entity;

const DEPTH_MAX: usize = 5;
const PARTS_MAX: usize = 50;
/// Bytes of the header block that came back.
const RETURNED_MAX: usize = 64 * 1024;

/// What the parts of a report hold.
#[derive(Default)]
pub(super) struct Parts {
    /// RFC 3464.
    pub status: Option<Vec<u8>>,
    /// RFC 5965.
    pub feedback: Option<Vec<u8>>,
    /// The header block that came back.
    pub returned: Vec<u8>,
}

impl Parts {
    pub fn find(entity: &Entity<'_>) -> Self {
        let mut found = Self::default();
        found.look(entity, 0);
        found
    }

    fn look(&mut self, entity: &Entity<'_>, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        match entity.kind() {
            "message/delivery-status" | "message/global-delivery-status" if self.status.is_none() => {
                self.status = Some(entity.decoded().into_owned());
            }
            "message/feedback-report" if self.feedback.is_none() => self.feedback = Some(entity.decoded().into_owned()),
            "message/rfc822" | "message/global" | "text/rfc822-headers" | "message/global-headers"
                if self.returned.is_empty() =>
            {
                let decoded = entity.decoded();
                let block = Entity::read(&decoded).header;
                self.returned = block.get(..block.len().min(RETURNED_MAX)).unwrap_or_default().to_vec();
            }
            kind if kind.starts_with("multipart/") => {
                let ranges = entity.part_ranges().into_iter().take(PARTS_MAX);
                for part in ranges.filter_map(|range| entity.body.get(range)) {
                    self.look(&Entity::read(part), depth + 1);
                }
            }
            _ => {}
        }
    }
}

//! What happens in the demo: the messages, and what must become of each.

/// A message of the demo.
pub struct Scene {
    /// What it is about, for the visitor.
    pub title: &'static str,
    /// Header lines beside From, To, Date and Message-ID.
    pub header: &'static str,
    /// The text.
    pub text: &'static str,
    /// The recipients and what must become of their copies.
    pub recipients: &'static [(&'static str, Fate)],
    /// The passphrase that the sender gave.
    pub passphrase: Option<&'static str>,
}

/// What must become of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It crossed verified TLS.
    Tls,
    /// It waits in the portal, and a code opens it.
    Portal,
    /// It waits in the portal, and a code and the passphrase open it.
    PortalWithPassphrase,
    /// It waits in the portal until the sender gives a passphrase.
    Held,
}

/// Words that may never cross a connection in clear.
pub const MARKERS: [&str; 3] = ["Metformin", "536-22-8141", "E11.9"];

/// The patient whose mail host has a good certificate.
const ANA: &str = "ana@good.example";
/// The one whose mail host vouches for itself.
const BEN: &str = "ben@selfsigned.example";
/// The one whose mail host has no TLS.
const CORA: &str = "cora@plain.example";

/// The messages, in order.
pub const SCENES: [Scene; 4] = [
    Scene {
        title: "A reminder to three patients, nothing about health in it",
        header: "Subject: Your appointment on Tuesday\r\n",
        text: "Dear patient,\r\n\r\nwe look forward to seeing you on Tuesday at 10:30.\r\n",
        recipients: &[(ANA, Fate::Tls), (BEN, Fate::Portal), (CORA, Fate::Held)],
        passphrase: None,
    },
    Scene {
        title: "A result with health information in its subject, which is replaced",
        header: "Subject: MRN 00482913: your HbA1c, diagnosis E11.9\r\n",
        text: "Dear Ana,\r\n\r\nyour diagnosis is E11.9. Please go on with Metformin 500 mg.\r\nSSN 536-22-8141\r\n",
        recipients: &[(ANA, Fate::Tls)],
        passphrase: None,
    },
    Scene {
        title: "The sender writes [secure]: end to end, so the portal",
        header: "Subject: [secure] Your question\r\nX-Sealpost-Language: es\r\n",
        text: "Estimada Ana:\r\n\r\nsiga con Metformin, por favor.\r\n",
        recipients: &[(ANA, Fate::Portal)],
        passphrase: None,
    },
    Scene {
        title: "The same patient without TLS, this time with a passphrase agreed by phone",
        header: "Subject: Your prescription\r\nX-Sealpost-Passphrase: blue heron\r\n\
                 X-Sealpost-Passphrase-Hint: the bird we spoke of\r\n",
        text: "Dear Cora,\r\n\r\nyour Metformin is ready.\r\n",
        recipients: &[(CORA, Fate::PortalWithPassphrase)],
        passphrase: Some("blue heron"),
    },
];

impl Scene {
    /// The message as the front desk's mail program writes it.
    pub fn message(&self, number: usize) -> String {
        let to: Vec<&str> = self.recipients.iter().map(|(address, _)| *address).collect();
        format!(
            "From: Front Desk <desk@lakeside.example>\r\nTo: {}\r\n{}MIME-Version: 1.0\r\n\
             Message-ID: <scene-{number}@lakeside.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}",
            to.join(", "),
            self.header,
            self.text
        )
    }
}

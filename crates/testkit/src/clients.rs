//! Mail clients that nobody here wrote: swaks, Python's smtplib, OpenSSL's
//! `s_client`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use crate::process;

/// How a client speaks to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// No TLS.
    Clear,
    /// STARTTLS, then the rest.
    Starttls,
    /// TLS first.
    Tls,
}

/// A conversation to hold: who, to whom, what.
#[derive(Clone, Debug)]
pub struct Submission<'s> {
    /// The listener.
    pub server: SocketAddr,
    /// TLS or not.
    pub security: Security,
    /// Authorities to trust; none: the certificate is not judged.
    pub anchors: Option<&'s Path>,
    /// The name to verify, where `anchors` are given.
    pub tls_name: &'s str,
    /// Name and password.
    pub login: Option<(&'s str, &'s str)>,
    /// MAIL FROM.
    pub from: &'s str,
    /// RCPT TO.
    pub to: &'s [&'s str],
    /// The message; line ends become CRLF.
    pub message: &'s str,
}

/// What came of a conversation.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// Whether the client calls it a success.
    pub success: bool,
    /// All that was said, and the client's own words.
    pub text: String,
}

impl Transcript {
    fn of(output: &Output) -> Self {
        let text = [output.stdout.as_slice(), &output.stderr].concat();
        Self { success: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// This, if it succeeded.
    ///
    /// # Panics
    ///
    /// When it did not; the transcript is in the panic.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert!(self.success, "the client failed:\n{}", self.text);
        self
    }

    /// This, if the client failed and somebody said `words`.
    ///
    /// # Panics
    ///
    /// When it did not fail, or nobody said that.
    #[track_caller]
    pub fn expect_failure(self, words: &str) -> Self {
        assert!(!self.success && self.text.contains(words), "no failure with {words:?}:\n{}", self.text);
        self
    }
}

/// Sends with swaks.
pub fn swaks(submission: &Submission<'_>) -> Transcript {
    let mut command = Command::new("swaks");
    command
        .args(["--server", &submission.server.ip().to_string(), "--port", &submission.server.port().to_string()])
        .args(["--helo", "client.test", "--from", submission.from, "--to", &submission.to.join(",")])
        .args(["--data", "-", "--suppress-data", "--no-data-fixup", "--timeout", "30"]);
    match submission.security {
        Security::Clear => {}
        Security::Starttls => drop(command.arg("--tls")),
        Security::Tls => drop(command.arg("--tls-on-connect")),
    }
    if let Some(anchors) = submission.anchors {
        command.arg("--tls-verify").arg("--tls-ca-path").arg(anchors);
        command.args(["--tls-sni", submission.tls_name]);
    }
    if let Some((name, password)) = submission.login {
        command.args(["--auth", "PLAIN", "--auth-user", name, "--auth-password", password]);
    }
    // Dots at the beginning of lines are swaks's to double only where data is fixed up, so it is done here.
    let stuffed: Vec<String> = submission
        .message
        .lines()
        .map(|line| if line.starts_with('.') { format!(".{line}") } else { line.into() })
        .collect();
    Transcript::of(&process::run(&mut command, format!("{}\r\n.\r\n", stuffed.join("\r\n")).as_bytes()))
}

/// Sends with Python's smtplib. Each recipient's refusal is printed as `refused ADDRESS CODE TEXT`.
pub fn smtplib(submission: &Submission<'_>) -> Transcript {
    let job = serde_json::json!({
        "host": submission.server.ip().to_string(),
        "port": submission.server.port(),
        "security": match submission.security {
            Security::Clear => "clear",
            Security::Starttls => "starttls",
            Security::Tls => "tls",
        },
        "anchors": submission.anchors,
        "name": submission.tls_name,
        "login": submission.login,
        "from": submission.from,
        "to": submission.to,
        "message": submission.message,
    });
    python(SMTPLIB, job.to_string().as_bytes())
}

/// Runs a Python program with Debian's interpreter, which sees Debian's modules (PyJWT, cryptography).
pub fn python(program: &str, input: &[u8]) -> Transcript {
    Transcript::of(&process::run(Command::new("/usr/bin/python3").args(["-I", "-c", program]), input))
}

/// Connects with `openssl s_client`, says `lines`, and gives all that was heard.
pub fn s_client(server: SocketAddr, security: Security, arguments: &[&str], lines: &str) -> Transcript {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &server.to_string(), "-crlf", "-ign_eof"]);
    if security == Security::Starttls {
        command.args(["-starttls", "smtp"]);
    }
    Transcript::of(&process::run(command.args(arguments), lines.as_bytes()))
}

const SMTPLIB: &str = r#"
import json, smtplib, ssl, sys
job = json.load(sys.stdin)
context = ssl.create_default_context(cafile=job["anchors"])
if job["anchors"] is None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

# The address is on loopback, the certificate bears a name.
class Context:
    def wrap_socket(self, sock, server_hostname=None, **rest):
        return context.wrap_socket(sock, server_hostname=job["name"], **rest)

wrapped = Context()
try:
    if job["security"] == "tls":
        client = smtplib.SMTP_SSL(job["host"], job["port"], "client.test", context=wrapped, timeout=60)
    else:
        client = smtplib.SMTP(job["host"], job["port"], "client.test", timeout=60)
    if job["security"] == "starttls":
        client.starttls(context=wrapped)
    if job["login"]:
        client.login(*job["login"])
    message = job["message"].replace("\r\n", "\n").replace("\n", "\r\n").encode()
    options = ["SMTPUTF8"] if not (job["from"] + "".join(job["to"])).isascii() else []
    if client.has_extn("8bitmime") and not message.isascii():
        options.append("BODY=8BITMIME")
    refused = client.sendmail(job["from"], job["to"], message, options)
    for address, (code, text) in refused.items():
        print("refused", address, code, text.decode())
    client.quit()
except smtplib.SMTPRecipientsRefused as error:
    for address, (code, text) in error.recipients.items():
        print("refused", address, code, text.decode())
    sys.exit(1)
except smtplib.SMTPResponseException as error:
    print("refused", error.smtp_code, error.smtp_error.decode())
    sys.exit(1)
except (smtplib.SMTPException, OSError) as error:
    print("failed", type(error).__name__, error)
    sys.exit(1)
"#;

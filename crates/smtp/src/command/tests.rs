//! Which command lines are read, and as what.

use super::*;

fn check_mail(line: &str, expect: Result<&str, CommandError>) {
    let found = parse(line.as_bytes()).map(|command| match command {
        Command::Mail(mail) => mail.from.map_or_else(String::new, |from| from.to_string()),
        other => panic!("{other:?}"),
    });
    assert_eq!(found, expect.map(str::to_owned), "{line}");
}

fn check_rcpt(line: &str, expect: Result<&str, CommandError>) {
    let found = parse(line.as_bytes()).map(|command| match command {
        Command::Rcpt(rcpt) => rcpt.to.to_string(),
        other => panic!("{other:?}"),
    });
    assert_eq!(found, expect.map(str::to_owned), "{line}");
}

fn check(line: &[u8], expect: Result<Command<'_>, CommandError>) {
    assert_eq!(parse(line), expect, "{}", line.escape_ascii());
}

#[test]
fn verbs_are_read_in_any_case() {
    check(b"ehlo client.example", Ok(Command::Ehlo("client.example")));
    check(b"HeLo [192.0.2.1]", Ok(Command::Helo("[192.0.2.1]")));
    check(b"EHLO [IPv6:2001:db8::1]", Ok(Command::Ehlo("[IPv6:2001:db8::1]")));
    check(b"data", Ok(Command::Data));
    check(b"QUIT   ", Ok(Command::Quit));
    check(b"NOOP anything at all", Ok(Command::Noop));
    check(b"BDAT 86", Ok(Command::Bdat(Bdat { bytes: 86, last: false })));
    check(b"bdat 0 last", Ok(Command::Bdat(Bdat { bytes: 0, last: true })));
    check(b"AUTH PLAIN", Ok(Command::Auth(Auth { mechanism: "PLAIN", initial: None })));
    check(b"AUTH login YQ==", Ok(Command::Auth(Auth { mechanism: "login", initial: Some("YQ==") })));
}

#[test]
fn what_is_no_command_is_refused() {
    check(b"", Err(CommandError::Unknown));
    check(b" DATA", Err(CommandError::Unknown));
    check(b"DATA\t", Err(CommandError::Bytes));
    check(b"NOOP \x00", Err(CommandError::Bytes));
    check(b"NOOP \xff", Err(CommandError::Bytes));
    check("NOOP \u{85}".as_bytes(), Err(CommandError::Bytes));
    check(b"DATA now", Err(CommandError::Argument));
    check(b"STARTTLS foo", Err(CommandError::Argument));
    check(b"EHLO", Err(CommandError::HostName));
    check(b"EHLO a b", Err(CommandError::HostName));
    check(b"EHLO (a)", Err(CommandError::HostName));
    check("EHLO bücher.example".as_bytes(), Err(CommandError::HostName));
    check(b"GET / HTTP/1.1", Err(CommandError::Http));
    for bad in ["BDAT", "BDAT ", "BDAT -1", "BDAT +1", "BDAT 1 FIRST", "BDAT 1  LAST", "BDAT 99999999999999999999"] {
        check(bad.as_bytes(), Err(CommandError::BdatForm));
    }
    check(b"AUTH", Err(CommandError::AuthForm));
    check(b"AUTH PLAIN a b", Err(CommandError::AuthForm));
}

#[test]
fn reverse_paths_are_read() {
    check_mail("MAIL FROM:<>", Ok(""));
    check_mail("mail from:<a@Clinic.Example>", Ok("a@clinic.example"));
    check_mail("MAIL FROM:<\"a>b\\\"\"@clinic.example>", Ok("\"a>b\\\"\"@clinic.example"));
    check_mail(
        "MAIL FROM:<a@clinic.example> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=x+2B1 AUTH=<>",
        Ok("a@clinic.example"),
    );
    check_mail("MAIL FROM:<jörg@bücher.example> SMTPUTF8", Ok("jörg@xn--bcher-kva.example"));
}

#[test]
fn reverse_paths_that_two_servers_could_read_differently_are_refused() {
    for bad in [
        "MAIL",
        "MAIL FROM",
        "MAIL FROM:",
        "MAIL FROM: <a@clinic.example>",
        "MAIL FROM :<a@clinic.example>",
        "MAIL  FROM:<a@clinic.example>",
        "MAIL FROM:a@clinic.example",
        "MAIL FROM:<a@clinic.example",
        "MAIL FROM:<a@clinic.example>SIZE=1",
        "MAIL FROM:<\"a@clinic.example>",
        "MAIL TO:<a@clinic.example>",
    ] {
        check_mail(bad, Err(CommandError::MailForm));
    }
    check_mail("MAIL FROM:<@r.example:a@clinic.example>", Err(CommandError::Sender(PathError::Route)));
    check_mail("MAIL FROM:<a@[192.0.2.1]>", Err(CommandError::Sender(PathError::Literal)));
    check_mail("MAIL FROM:<a>", Err(CommandError::Sender(PathError::Address(AddressError::Form))));
    check_mail("MAIL FROM:< a@clinic.example>", Err(CommandError::Sender(PathError::Address(AddressError::LocalPart))));
    check_mail("MAIL FROM:<<a@clinic.example>>", Err(CommandError::MailForm));
    let long = format!("MAIL FROM:<a@{}example>", "b.".repeat(130));
    check_mail(&long, Err(CommandError::Sender(PathError::TooLong)));
    check_mail("MAIL FROM:<jörg@clinic.example>", Err(CommandError::NeedsSmtputf8));
    check_mail("MAIL FROM:<a@bücher.example>", Err(CommandError::NeedsSmtputf8));
}

#[test]
fn parameters_are_held_to_their_grammar() {
    let mail = |parameters: &str| format!("MAIL FROM:<a@clinic.example> {parameters}");
    for (bad, name) in [
        ("SIZE=1 size=2", "given twice"),
        ("SIZE=1  BODY=7BIT", "syntax"),
        ("SIZE=", "syntax"),
        ("SIZE=1=2", "syntax"),
        ("-X=1", "syntax"),
        ("SIZE=x", "SIZE"),
        ("SIZE=+1", "SIZE"),
        ("SIZE=99999999999999999999", "SIZE"),
        ("SIZE", "without value"),
        ("SMTPUTF8=1", "SMTPUTF8"),
        ("RET=SOME", "RET"),
        ("ENVID=a+0D+0Ab", "ENVID"),
        ("AUTH=+", "AUTH"),
    ] {
        check_mail(&mail(bad), Err(CommandError::Parameter(name)));
    }
    for unknown in ["BODY=BINARYMIME", "X=1", "NOTIFY=NEVER", "MT-PRIORITY=3"] {
        check_mail(&mail(unknown), Err(CommandError::UnknownParameter));
    }
}

#[test]
fn recipients_are_read() {
    check_rcpt("RCPT TO:<p@example.com>", Ok("p@example.com"));
    let line = b"RCPT TO:<p@example.com> NOTIFY=success,DELAY ORCPT=RFC822;p+2Bq@example.com";
    let Ok(Command::Rcpt(rcpt)) = parse(line) else { panic!() };
    assert_eq!(rcpt.notify, Notify { success: true, failure: false, delay: true });
    assert_eq!(rcpt.orcpt.as_deref(), Some("rfc822;p+q@example.com"));
    let Ok(Command::Rcpt(rcpt)) = parse(b"RCPT TO:<p@example.com> NOTIFY=NEVER") else { panic!() };
    assert_eq!(rcpt.notify, Notify::NEVER);
}

#[test]
fn recipients_that_are_none_are_refused() {
    check_rcpt("RCPT TO: <p@example.com>", Err(CommandError::RcptForm));
    check_rcpt("RCPT FROM:<p@example.com>", Err(CommandError::RcptForm));
    check_rcpt("RCPT TO:<>", Err(CommandError::Recipient(PathError::Address(AddressError::Form))));
    check_rcpt("RCPT TO:<postmaster>", Err(CommandError::Recipient(PathError::Address(AddressError::Form))));
    check_rcpt("RCPT TO:<p@[IPv6:::1]>", Err(CommandError::Recipient(PathError::Literal)));
    for bad in ["NOTIFY=NEVER,SUCCESS", "NOTIFY=,", "NOTIFY=ALL"] {
        check_rcpt(&format!("RCPT TO:<p@example.com> {bad}"), Err(CommandError::Parameter("NOTIFY")));
    }
    for bad in ["ORCPT=p@example.com", "ORCPT=;p", "ORCPT=rfc822;", "ORCPT=rfc822;a+0Ab"] {
        check_rcpt(&format!("RCPT TO:<p@example.com> {bad}"), Err(CommandError::Parameter("ORCPT")));
    }
    check_rcpt("RCPT TO:<p@example.com> SIZE=1", Err(CommandError::UnknownParameter));
}

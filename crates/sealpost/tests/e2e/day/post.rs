//! The four doors, and what each has said.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::json;
use testkit::clients::python;
use testkit::postfix::Postfix;
use testkit::sealpost::Server;

use crate::api;
use crate::ward;

use super::letters::{Door, Letter};

/// What was taken: a message's number, the door, and the id where the door names it.
#[derive(Default)]
pub struct Post {
    taken: Mutex<HashMap<usize, (Door, Option<String>)>>,
}

impl Post {
    fn note(&self, letter: &Letter, id: Option<String>) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(letter.number, (letter.door, id));
    }

    pub fn is_taken(&self, letter: &Letter) -> bool {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&letter.number)
    }

    pub fn taken(&self, door: Door) -> usize {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.values().filter(|(at, _)| *at == door).count()
    }

    /// The id under which it was acknowledged.
    #[track_caller]
    pub fn id(&self, letter: &Letter) -> String {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let id = taken.get(&letter.number).and_then(|(_, id)| id.clone());
        id.unwrap_or_else(|| panic!("{letter:?} was not acknowledged with an id"))
    }

    /// Gives them to a mail host, which sees to the rest.
    pub fn relay(&self, host: &Postfix, letters: &[&Letter]) {
        let mut client = ward::Client::connect(host.address()).unwrap();
        for letter in letters {
            let to: Vec<&str> = letter.to.iter().map(|(address, _)| address.as_str()).collect();
            let mail = format!("MAIL FROM:<{}> BODY=8BITMIME", letter.from);
            client.send_of(&mail, &to, letter.message.as_bytes()).unwrap().expect(250, "");
            self.note(letter, None);
        }
    }

    /// Submits them over one session, until the server is gone.
    pub fn submit(&self, server: &Server<'_>, login: (&str, &str), letters: &[&Letter]) {
        let address = server.address("submission_tls");
        let all = letters.iter().map(|letter| {
            let to: Vec<&str> = letter.to.iter().map(|(address, _)| address.as_str()).collect();
            json!([letter.number, letter.from, to, letter.message])
        });
        let job = json!({
            "host": address.ip().to_string(), "port": address.port(), "login": login, "all": all.collect::<Vec<_>>(),
        });
        let said = python(SUBMIT_ALL, job.to_string().as_bytes());
        for line in said.text.lines() {
            let mut words = line.split_whitespace();
            let number = words.next().and_then(|number| number.parse::<usize>().ok());
            let letter = letters.iter().find(|letter| Some(letter.number) == number);
            let id = words.find(|word| word.starts_with("msg_"));
            if let (Some(letter), Some(id)) = (letter, id) {
                self.note(letter, Some(id.to_owned()));
            }
        }
    }

    /// Hands them in by REST, until `is_over` or the server is gone.
    pub fn apply(&self, client: &api::Client<'_>, letters: &[&Letter], is_over: impl Fn() -> bool) {
        for letter in letters {
            let once = format!("Idempotency-Key: day/{}\r\n", letter.number);
            let body = letter.json.to_string();
            let answer = client.try_ask("application/json", "POST", "/v1/messages", &once, body.as_bytes());
            let Some(answer) = answer.filter(|answer| answer.status != 0) else { return };
            let id = answer.expect(202).json["id"].as_str().map(str::to_owned);
            self.note(letter, id);
            if is_over() {
                return;
            }
        }
    }
}

const SUBMIT_ALL: &str = r#"
import json, smtplib, ssl, sys
job = json.load(sys.stdin)
context = ssl._create_unverified_context()
try:
    client = smtplib.SMTP_SSL(job["host"], job["port"], "client.test", context=context, timeout=60)
    client.login(*job["login"])
    for number, sender, to, message in job["all"]:
        client.mail(sender, ["BODY=8BITMIME"])
        for one in to:
            code, text = client.rcpt(one)
            assert code == 250, (number, code, text)
        code, text = client.data(message.encode())
        print(number, code, text.decode(), flush=True)
    client.quit()
except (OSError, smtplib.SMTPException) as error:
    print("gone:", error)
"#;

//! The REST door against its own description: requests that `/openapi.json`
//! allows are made up, and every answer is held to what it says of answers.

mod fits;
mod make;

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

use crate::api::{Answer, Client, client, letter, ward};

use fits::fits;
use make::{Made, Making};

/// Requests of each operation.
const CASES: u32 = 48;

/// An operation of the description.
struct Operation<'d> {
    path: &'d str,
    method: String,
    says: &'d Value,
}

fn operations(description: &Value) -> Vec<Operation<'_>> {
    let paths = description["paths"].as_object().expect("paths");
    let of = |(path, item): (&'_ String, &'_ Value)| -> Vec<(String, String)> {
        let methods = item.as_object().expect("operations");
        methods.keys().map(|method| (path.clone(), method.clone())).collect()
    };
    let all: Vec<(String, String)> = paths.iter().flat_map(of).collect();
    all.into_iter()
        .map(|(path, method)| {
            let (path, item) = paths.get_key_value(&path).expect("a path");
            Operation { path, says: &item[&method], method: method.to_uppercase() }
        })
        .collect()
}

impl Operation<'_> {
    /// What is wrong with an answer, by the description.
    fn judge(&self, description: &Value, answer: &Answer) -> Result<(), String> {
        let described = &self.says["responses"][answer.status.to_string()];
        let content = described["content"].as_object();
        let Some((kind, described)) = content.and_then(|content| content.iter().next()) else {
            return Err(format!("{} is not described", answer.status));
        };
        if !answer.head.contains(&format!("content-type: {kind}")) {
            return Err(format!("no {kind}: {}", answer.head));
        }
        fits(description, &described["schema"], &answer.json)
    }

    fn ask(&self, client: &Client<'_>, made: &Made) -> Answer {
        let path = made.path(self.path);
        client.ask_as(&made.kind, &self.method, &path, &made.fields(), &made.body)
    }
}

#[test]
fn what_the_description_allows_is_answered_as_it_says() {
    let ward = ward();
    let server = ward.machine.serve();
    let all = ["--test", "--scope", "messages:send", "messages:read", "messages:judge", "headers:inspect"];
    let client = client(&ward, &server, &all);
    let description = client.get("/openapi.json").expect(200).json;
    let taken = client.send("", &letter("delivered@patient.example")).expect(202).json;
    let known = taken["id"].as_str().unwrap().to_owned();
    let operations = operations(&description);
    assert!(operations.len() >= 8, "the description lacks operations");
    for operation in &operations {
        let making = Making { description: &description, known: &known, author: "refills@clinic.example" };
        let strategy = making.requests(operation.says);
        let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
        let tried = TestRunner::new(config).run(&strategy, |made| {
            let answer = operation.ask(&client, &made);
            let wrong = |why: String| TestCaseError::fail(format!("{why}: {} {}", answer.status, answer.json));
            operation.judge(&description, &answer).map_err(wrong)?;
            match answer.status {
                400 | 413 | 422 | 500.. => Err(wrong("a request that is allowed is refused".to_owned())),
                _ => Ok(()),
            }
        });
        tried.unwrap_or_else(|why| panic!("{} {}: {why}", operation.method, operation.path));
    }
}

#[test]
fn what_the_description_forbids_is_refused_as_it_says() {
    let ward = ward();
    let server = ward.machine.serve();
    let client = client(&ward, &server, &["--test", "--scope", "messages:send", "messages:read", "messages:judge"]);
    let description = client.get("/openapi.json").expect(200).json;
    let operations = operations(&description);
    let submit = operations.iter().find(|one| one.path == "/v1/messages" && one.method == "POST").expect("submit");
    let properties = description["components"]["schemas"]["MessageIn"]["properties"].as_object().expect("properties");
    let mut bad: Vec<Value> = properties.keys().map(|name| with(name, json!(7))).collect();
    let bounded = properties.iter().filter(|(_, schema)| schema.get("pattern").is_some());
    bad.extend(bounded.map(|(name, _)| with(name, json!("\0"))));
    let short = properties.iter().filter_map(|(name, schema)| Some((name, schema["maxLength"].as_u64()?)));
    bad.extend(short.map(|(name, most)| with(name, json!("x".repeat(most as usize + 1)))));
    bad.extend(["no address", "a@b_c", "@example.com"].map(|address| with("to", json!([address]))));
    bad.extend([with("colour", json!("red")), with("to", json!([])), json!([]), json!("x"), json!({})]);
    bad.extend(["From", "Content-Type", "X-Sealpost-Tag", "a b"].map(|name| with("headers", json!({ name: "x" }))));
    assert!(bad.len() > 40, "too little is tried");
    for body in bad {
        let answer = client.send("", &body);
        submit.judge(&description, &answer).unwrap_or_else(|why| panic!("{why}: {body} {}", answer.json));
        assert!(matches!(answer.status, 400 | 422), "{} for {body}", answer.status);
    }
    for query in ["limit=0", "limit=201", "limit=x", "state=lost", "cursor=x", "colour=red"] {
        let answer = client.get(&format!("/v1/messages?{query}"));
        assert_eq!(answer.status, 422, "{query}: {}", answer.json);
    }
    let stranger = Client { key: "key_01K0000000000000000000000A.sp_nothing".to_owned(), ..client };
    for operation in &operations {
        let path = operation.path.replace("{id}", "msg_01K0000000000000000000000A");
        let answer = stranger.ask(&operation.method, &path, "", "{}");
        assert_eq!(answer.status, 401, "{} {path}", operation.method);
        operation.judge(&description, &answer).unwrap();
    }
}

/// A letter with this value at that place.
fn with(name: &str, value: Value) -> Value {
    let mut letter = letter("delivered@patient.example");
    letter[name] = value;
    letter
}

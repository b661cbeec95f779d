//! The browser: that it opens pages, tells what policy refused, and does
//! without scripts.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use testkit::chromium::{Chromium, Settings};
use thirtyfour::By;

const PAGE: &str = "<!doctype html><html lang=en><title>hello</title><p id=seen>plain</p>\
    <script>document.getElementById('seen').textContent = 'script'</script>";

/// Serves one page with one policy.
fn page(policy: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or_default();
            let language = String::from_utf8_lossy(&request[..length]).to_lowercase().contains("accept-language: es");
            let title = if language { PAGE.replace("hello", "hola") } else { PAGE.to_owned() };
            let length = title.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\
                 Content-Security-Policy: {policy}\r\nContent-Length: {length}\r\n\r\n"
            );
            drop(stream.write_all(format!("{head}{title}").as_bytes()));
        }
    });
    address
}

async fn seen(browser: &Chromium, address: SocketAddr) -> (String, String) {
    browser.driver.goto(format!("http://{address}/")).await.unwrap();
    let text = browser.driver.find(By::Id("seen")).await.unwrap().text().await.unwrap();
    (browser.driver.title().await.unwrap(), text)
}

#[tokio::test]
async fn violations_of_the_policy_are_told() {
    let browser = Chromium::start(&Settings::default()).await;
    assert_eq!(seen(&browser, page("default-src 'unsafe-inline'")).await, ("hello".into(), "script".into()));
    assert_eq!(browser.csp_violations().await, Vec::<String>::new());
    assert_eq!(seen(&browser, page("default-src 'none'")).await.1, "plain");
    let violations = browser.csp_violations().await;
    assert!(violations.iter().any(|line| line.contains("script")), "{violations:?}");
    browser.quit().await;
}

#[tokio::test]
async fn a_browser_without_scripts_asks_in_its_language() {
    let settings = Settings { language: "es".into(), javascript: false, ..Settings::default() };
    let browser = Chromium::start(&settings).await;
    assert_eq!(seen(&browser, page("default-src 'unsafe-inline'")).await, ("hola".into(), "plain".into()));
    browser.quit().await;
}

"""Asks the same question of what exists and of what does not, and takes the
time: logins, API keys, portal codes. The job comes as JSON on standard input;
a line [class, seconds, answer] for each try goes to standard output."""

import base64
import http.client
import itertools
import json
import smtplib
import ssl
import sys
import threading
import time

job = json.load(sys.stdin)
context = ssl._create_unverified_context()
host, port = job["host"], job["port"]
tries, lock, told = iter(enumerate(job["tries"])), threading.Lock(), []


def source(number):
    return (f"127.{64 + (number >> 14) % 64}.{(number >> 7) % 128}.{1 + number % 128}", 0)


def logins():
    """Two tries a session: the third would end it."""
    while (two := [one for one in itertools.islice(locked(), 2)]):
        client = smtplib.SMTP_SSL(host, port, "client.test", context=context, timeout=60, source_address=source(two[0][0]))
        client.ehlo()
        for _, (kind, (name, password)) in two:
            plain = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
            note(kind, lambda: " ".join(map(str, client.docmd("AUTH", "PLAIN " + plain))))
        client.close()


def http_tries():
    for number, (kind, request) in locked():
        client = http.client.HTTPConnection(host, port, timeout=60, source_address=source(number))
        client.connect()
        note(kind, lambda: answer(client, request))
        client.close()


def answer(client, request):
    client.request(request["method"], request["path"], request["body"], request["fields"])
    answer = client.getresponse()
    # What names the link that was asked for is the visitor's own.
    where = (answer.getheader("location") or "").replace(request["path"].rsplit("/", 1)[0], "")
    return f"{answer.status} {where} {answer.read().decode()}"


def locked():
    while True:
        with lock:
            one = next(tries, None)
        if one is None:
            return
        yield one


def note(kind, ask):
    began = time.perf_counter()
    said = ask()
    took = time.perf_counter() - began
    with lock:
        told.append([kind, took, said])


work = {"login": logins, "http": http_tries}[job["kind"]]
threads = [threading.Thread(target=work) for _ in range(job["at_once"])]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(told))

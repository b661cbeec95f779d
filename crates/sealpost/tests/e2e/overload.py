"""Crowds of clients. The job comes as JSON on standard input, what came of it
goes to standard output as JSON. A crowd without an end of its own leaves when
the file `until` is there."""

import asyncio
import base64
import json
import os
import ssl
import sys
import time
import zlib

job = json.load(sys.stdin)
host, port, count = job["host"], job["port"], job["count"]
context = ssl._create_unverified_context()


def source(number):
    return (f"127.{32 + (number >> 14) % 32}.{(number >> 7) % 128}.{1 + number % 128}", 0)


def is_over():
    return os.path.exists(job["until"])


async def reply(reader):
    while (line := await reader.readline())[3:4] == b"-":
        pass
    return line.decode().strip()


async def say(reader, writer, line):
    writer.write(line.encode() + b"\r\n")
    return await reply(reader)


async def connect(number, tls=False):
    streams = await asyncio.open_connection(
        host, port, local_addr=source(number), ssl=context if tls else None, limit=1 << 20
    )
    return *streams, await reply(streams[0])


async def slow(number, told):
    """Says a letter in two seconds, and comes again when it is sent away."""
    while not is_over():
        try:
            reader, writer, greeting = await connect(number)
        except OSError:
            told["refused"] = told.get("refused", 0) + 1
            await asyncio.sleep(1)
            continue
        told[greeting[:3]] = told.get(greeting[:3], 0) + 1
        try:
            for letter in b"EHLO a.very.slow.client.example" * 100:
                writer.write(bytes([letter]))
                await writer.drain()
                if is_over() or reader.at_eof():
                    break
                await asyncio.sleep(2)
        except OSError:
            pass
        writer.close()


async def login(number, told):
    """A wrong password, in a session of its own: of the form of those that are given out, or one's own."""
    try:
        reader, writer, _ = await connect(number, tls=True)
        await say(reader, writer, "EHLO client.example")
        password = "sp_" + "a" * 29 + "bcd" if number % 8 else f"a password of my own {number}"
        plain = base64.b64encode(f"\0nurse{number % 3}\0{password}".encode()).decode()
        code = (await say(reader, writer, "AUTH PLAIN " + plain))[:3]
        writer.close()
    except (OSError, asyncio.IncompleteReadError) as error:
        code = type(error).__name__
    told[code] = told.get(code, 0) + 1


async def large(number, told):
    """A large message; the lines differ, so that what arrives can be compared."""
    try:
        reader, writer, _ = await connect(number)
        await say(reader, writer, "EHLO device.example")
        await say(reader, writer, "MAIL FROM:<desk@clinic.example>")
        await say(reader, writer, "RCPT TO:<p@sink.example>")
        said = await say(reader, writer, "DATA")
        if said.startswith("354"):
            head = "From: <desk@clinic.example>\r\nSubject: large %d\r\nMIME-Version: 1.0\r\n"
            head += "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            writer.write((head % number).encode())
            line = base64.b64encode(number.to_bytes(4, "big") * 14 + b"x") + b"\r\n"
            block, checksum = line * 800, 0
            for _ in range(job["bytes"] // len(block)):
                checksum = zlib.crc32(block, checksum)
                writer.write(block)
                await writer.drain()
            said = await say(reader, writer, ".")
            if said.startswith("250"):
                told[str(number)] = [checksum, next(word for word in said.split() if word.startswith("msg_"))]
                writer.close()
                return
        writer.close()
    except (OSError, asyncio.IncompleteReadError) as error:
        said = type(error).__name__
    told.setdefault("refused", []).append(said)


async def probe(number, told):
    """New clients, one after the other: how long each waits for its greeting, and a message of each fourth."""
    await asyncio.sleep(number * 0.1)
    times, ids, other = told.setdefault("times", []), told.setdefault("ids", []), told.setdefault("other", [])
    while not is_over():
        began = time.perf_counter()
        try:
            reader, writer, greeting = await connect(100_000 + len(times))
            if not greeting.startswith("220"):
                other.append(greeting)
                continue
            times.append(time.perf_counter() - began)
            if len(times) % 4 == 0:
                await say(reader, writer, "EHLO device.example")
                await say(reader, writer, "MAIL FROM:<desk@clinic.example>")
                await say(reader, writer, "RCPT TO:<p@sink.example>")
                await say(reader, writer, "DATA")
                said = await say(reader, writer, f"From: <desk@clinic.example>\r\nSubject: small\r\n\r\nsmall\r\n.")
                ids.append(said.split()[-1]) if said.startswith("250") else other.append(said)
            writer.close()
        except (OSError, asyncio.IncompleteReadError) as error:
            other.append(type(error).__name__)
        await asyncio.sleep(0.05)


async def main():
    told, work = {}, {"slow": slow, "login": login, "large": large, "probe": probe}[job["crowd"]]
    room = asyncio.Semaphore(job["at_once"])

    async def one(number):
        async with room:
            await work(number, told)

    await asyncio.gather(*[one(number) for number in range(count)])
    print(json.dumps(told))


asyncio.run(main())

"""What the Python SDK reads and writes, for tests/interop: a request in JSON on each line, an answer on each line."""

import base64
import json
import sys

from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from dateutil.parser import isoparse


def bytes_of(text):
    return None if text is None else base64.b64decode(text)


def text_of(body):
    return None if body is None else base64.b64encode(body).decode()


def members_of(event):
    """An event as the SDK holds it, in members like those of the JSON format, which are written here."""
    members = {name: value for name, value in event.get_attributes().items() if value is not None}
    if "time" in members:
        members["time"] = members["time"].isoformat()
    data = event.get_data()
    if isinstance(data, bytes):
        members["data_base64"] = text_of(data)
    elif data is not None:
        members["data"] = data
    return members


def event_of(members):
    data = members.pop("data", None)
    if "data_base64" in members:
        data = bytes_of(members.pop("data_base64"))
    members["time"] = isoparse(members["time"])
    return CloudEvent(members, data)


def read(mode, headers, body, key):
    if mode == "http batched":  # The SDK has no batches: whoever gets one reads it event by event.
        return [members_of(JSONFormat().read(CloudEvent, json.dumps(event))) for event in json.loads(body)]
    if mode.startswith("http"):
        return [members_of(http.from_http_event(http.HTTPMessage(headers, body)))]
    headers = {name: value.encode() for name, value in headers.items()}
    return [members_of(kafka.from_kafka_event(kafka.KafkaMessage(headers, key, body)))]


def write(mode, members):
    event = event_of(members)
    if mode == "http batched":
        body = b"[" + http.to_structured_event(event).body + b"]"
        return {"headers": {"content-type": "application/cloudevents-batch+json"}, "body": text_of(body)}
    binding = http if mode.startswith("http") else kafka
    message = (binding.to_binary_event if mode.endswith("binary") else binding.to_structured_event)(event)
    headers = {name: value if isinstance(value, str) else value.decode() for name, value in message.headers.items()}
    if binding is http:
        return {"headers": headers, "body": text_of(message.body)}
    return {"headers": headers, "body": text_of(message.value), "key": message.key}


def answer(request):
    try:
        if "read" in request:
            return {"ok": read(request["read"], request["headers"], bytes_of(request["body"]), request["key"])}
        return {"ok": write(request["write"], request["event"])}
    except Exception as error:  # The test decides whether it is meant to be.
        return {"error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)

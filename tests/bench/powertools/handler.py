"""The contender: the same batch by Powertools for Python, used as its documentation shows, with its records in memory."""

import json

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemAlreadyExistsError, IdempotencyItemNotFoundError


class InMemory(BasePersistenceLayer):
    """What DynamoDB would keep, in a dictionary, so that neither side waits for a network."""

    def __init__(self):
        super().__init__()
        self.records = {}

    def _get_record(self, idempotency_key):
        try:
            return self.records[idempotency_key]
        except KeyError:
            raise IdempotencyItemNotFoundError from None

    def _put_record(self, data_record):
        kept = self.records.get(data_record.idempotency_key)
        if kept is not None and not kept.is_expired:
            raise IdempotencyItemAlreadyExistsError(old_data_record=kept)
        self.records[data_record.idempotency_key] = data_record

    def _update_record(self, data_record):
        self.records[data_record.idempotency_key] = data_record

    def _delete_record(self, data_record):
        self.records.pop(data_record.idempotency_key, None)


processor = BatchProcessor(event_type=EventType.SQS)
config = IdempotencyConfig(event_key_jmespath="messageId", expires_after_seconds=86_400)


@idempotent_function(data_keyword_argument="record", config=config, persistence_store=InMemory())
def handle(record):
    order = json.loads(record.body)
    if not order["id"] or order["total"] <= 0:
        raise ValueError("an order without id or total")
    return True


def handler(event, context):
    config.register_lambda_context(context)
    return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)

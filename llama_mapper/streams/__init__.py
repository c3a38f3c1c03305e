"""Maps messages of a stream: each message has one outcome, its mapped form or a dead letter.

    from llama_mapper.bulk import Endpoints
    from llama_mapper.streams import consume
    from llama_mapper.streams.kafka import KafkaStream

    with KafkaStream("localhost:9092", "mapper", "outputs", "mapped", "dead") as stream:
        consume(stream, Endpoints(["http://localhost:8080"]))

`llama_mapper.streams.kafka` needs confluent-kafka, `llama_mapper.streams.redis` needs redis.
"""

from llama_mapper.streams.consume import Counts, Message, Outcome, Stream, consume

__all__ = ["Counts", "Message", "Outcome", "Stream", "consume"]

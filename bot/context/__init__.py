"""Business context: what customers said, what was decided, what was tried before. Taken in, searched, forgotten.

store.py        the door: add, search, show, forget
ingest.py       bytes of a file to a document, or a refusal that names the cure
messages.py     a chat message to a document
transcripts.py  transcript formats to utterances with speaker and times
heading.py      title, date and customer, from what stands at the head of a document
passages.py     utterances to passages of about 100 words
search.py       the index and the ranking
ranking.py      how scores are combined, and BM25 for databases without a text index
words.py        the words that carry meaning
"""

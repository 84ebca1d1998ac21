"""Count requests and concurrent transfers per account, key and address.

In: who sends a request. Out: what is left to them, or the error that refuses it.
`http.admission` applies them to requests.
"""

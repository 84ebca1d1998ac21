"""Count requests and concurrent transfers per account, key and address.

In: who sends a request. Out: what is left to them, or the error that refuses it.
`http.rate_limit` applies the rates to the API.
"""

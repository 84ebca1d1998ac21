"""The program `entrepot`: a thin layer over `entrepot_client.client`.

Three modules are public, for plug-ins (the server's commands among them), all others are private:
`output` prints results, `failures` ends a command with a sentence and an exit status, `sizes`
parses and formats byte counts. `plugins` describes how a package adds its commands.
"""

"""The program `entrepot`: a thin skin over `entrepot_client.client`.

Three modules are a surface for plug-ins (the server's commands among them), all else is private:
`output` prints results, `failures` ends a command with a sentence and an exit status, `sizes`
reads and writes byte counts. `plugins` says how a package adds its commands.
"""

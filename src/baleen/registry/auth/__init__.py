"""Who may do what with a registry: passwords, tokens, rights and limits.

An *account* is who proved its name; nobody is `None` and may still have rights. *Rights* say which
*actions* (`pull`, `push`, `delete`) an account has on a *resource* (a repository, or the registry
itself). A *gate* stands before the routes and answers one question: may this request do these
actions? It is told either by a password with each request (`BasicGate`) or by a *token* that an
*issuer* signed (`TokenGate`), which says what its bearer may do and for how long.

    client ──GET /v2/…──► gate          401, WWW-Authenticate: Bearer realm=…,service=…,scope=…
    client ──GET /token─► issuer        asks Accounts who it is and Rights what it may; signs
    client ──GET /v2/…, Bearer──► gate  verifies signature, issuer, audience, time, scope

Issuer and gate share nothing but keys, so they may live in different processes.

See: Docker's registry documentation, "Token Authentication", "Scope", "OAuth2".
"""

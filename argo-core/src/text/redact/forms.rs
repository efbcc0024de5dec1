//! Every form in which a secret comes, for the tests of this crate and of the suite. `{}`
//! stands for the secret.

/// A name of the form, and a message that has it.
pub(crate) const FORMS: &[(&str, &str)] = &[
    (
        "git URL, token only",
        "failed to fetch https://{}@git.example.com/shop.git: authentication required",
    ),
    (
        "git URL, user and token",
        "cannot clone https://oauth2:{}@git.example.com/shop.git",
    ),
    (
        "git URL, token and no password",
        "ls-remote https://{}:@git.example.com/shop.git: 403",
    ),
    (
        "git URL over ssh",
        "dial ssh://git:{}@git.example.com:22/shop.git: refused",
    ),
    (
        "git URL, cut before its host",
        "authentication required for https://bob:{}",
    ),
    (
        "image, user and token",
        "Failed to pull image \"bob:{}@registry.example.com/shop/web:2\": denied",
    ),
    (
        "image by digest",
        "bob:{}@registry.example.com/web@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 denied",
    ),
    (
        "password with a slash",
        "Get \"https://bob:a/{}@registry.example.com/v2/\": denied",
    ),
    (
        "database URL",
        "cannot connect to postgres://app:{}@db:5432/shop?sslmode=disable",
    ),
    (
        "database URL, no user",
        "dial redis://:{}@cache:6379/0: refused",
    ),
    ("data source", "ping app:{}@tcp(db:3306)/shop: refused"),
    ("data source, named", "bad DSN dsn=app:{}@tcp(db:3306)/shop"),
    (
        "connection string",
        "Server=db;User Id=app;Password={};Encrypt=true is not reachable",
    ),
    (
        "storage account",
        "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={}==;EndpointSuffix=core.windows.net",
    ),
    (
        "Docker Hub's rate limit",
        "toomanyrequests: You have reached your pull rate limit as 'bob': dckr_jti_{}. You may increase the limit by authenticating and upgrading",
    ),
    (
        "Docker Hub's rate limit, other token",
        "You have reached your pull rate limit as 'bob': {}",
    ),
    (
        "Bearer header",
        "request had Authorization: Bearer {} and was refused",
    ),
    ("Basic header", "Authorization: Basic {}"),
    ("other header scheme", "Authorization: token {}"),
    (
        "header in a map",
        "map[Accept:[*/*] Authorization:[Bearer {}]]",
    ),
    ("header in JSON", "sent {\"Authorization\": \"Bearer {}\"}"),
    ("proxy header", "Proxy-Authorization: Basic {}"),
    (
        "Bearer in a sentence",
        "the server does not accept Bearer {} any more",
    ),
    (
        "signature header",
        "Authorization: AWS4-HMAC-SHA256 Credential={}/20261123/eu/s3/aws4_request, SignedHeaders=host, Signature={}",
    ),
    ("header of an API", "X-Api-Key: {}"),
    ("header of a git server", "PRIVATE-TOKEN: {}"),
    ("cookie", "Cookie: lang=en; argocd.token={}; theme=dark"),
    (
        "token in a query",
        "Get \"https://reg.example.com/v2/web/manifests/2?token={}\": 401",
    ),
    (
        "password in a query",
        "GET https://h.example.com/login?user=bob&password={}&x=1 failed",
    ),
    (
        "apikey in a query",
        "GET https://h.example.com/v1?apikey={} failed",
    ),
    (
        "signature in a query",
        "Get \"https://s3.example.com/blob?X-Amz-Date=1&X-Amz-Signature={}\": 403 Forbidden",
    ),
    (
        "unnamed parameter in a query",
        "Get \"https://h.example.com/hook?x={}\": 403",
    ),
    ("fragment", "open https://h.example.com/#access_token={}"),
    ("flag with =", "exec: /app --password={}: not found"),
    (
        "flag with a space",
        "exec: /app --auth-token {} --verbose: not found",
    ),
    (
        "login command",
        "docker login -u bob -p {} registry.example.com: denied",
    ),
    (
        "curl's user",
        "curl -u bob:{} https://registry.example.com: 401",
    ),
    (
        "environment variable",
        "cannot start with DB_PASSWORD={}, LOG=debug",
    ),
    ("variable with a suffix", "GITHUB_TOKEN_PROD={} is refused"),
    ("assignment with spaces", "password = {}"),
    ("quoted value", "client_secret=\"{} and more\" is refused"),
    ("YAML", "bad values: password: {}"),
    (
        "JSON field",
        "config {\"user\":\"bob\",\"password\":\"{}\"} is bad",
    ),
    (
        "JSON in a string",
        "config \"{\\\"token\\\":\\\"{}\\\"}\" is bad",
    ),
    ("Go map", "map[password:{} user:bob]"),
    (
        "registry credentials",
        "{\"auths\":{\"reg.example.com\":{\"auth\":\"{}\"}}}",
    ),
    (
        "kubectl's patch",
        "error when applying patch: {\"data\":{\"x\":\"}{}\"}} to: Resource",
    ),
    (
        "patch in a string",
        "admission webhook denied: \"{\\\"spec\\\":{\\\"x\\\":\\\"{}\\\"}}\"",
    ),
    (
        "patch that is cut",
        "error when applying patch: {\"stringData\":{\"x\":\"{}",
    ),
    (
        "refused value",
        "spec.containers[0].env[0].value: Invalid value: \"{}\": too long",
    ),
    (
        "AWS access key id",
        "InvalidClientTokenId: AKIA{} does not exist",
    ),
    ("AWS session key id", "ExpiredToken: ASIA{}"),
    (
        "AWS secret beside its id",
        "denied for AKIAIOSFODNN7EXAMPLE / {}",
    ),
    (
        "AWS secret before its id",
        "keys {}, AKIAIOSFODNN7EXAMPLE are wrong",
    ),
    ("AWS secret as a pair", "profile AKIAIOSFODNN7EXAMPLE:{}"),
    (
        "aws_secret_access_key",
        "aws_access_key_id=AKIAIOSFODNN7EXAMPLE aws_secret_access_key={}",
    ),
    ("aws_secret_access_key, INI", "aws_secret_access_key = {}"),
    ("aws_session_token", "AWS_SESSION_TOKEN={}"),
    (
        "SecretAccessKey",
        "{\"AccessKeyId\":\"AKIAIOSFODNN7EXAMPLE\",\"SecretAccessKey\":\"{}\"}",
    ),
    ("JWT", "invalid eyJhbGciOiJIUzI1NiJ9.{}.{}: expired"),
    ("JWT, payload", "session eyJ{}.c2ln is over"),
    ("GitHub token", "remote: ghp_{} has no access"),
    (
        "GitHub token, fine-grained",
        "remote: github_pat_{} has no access",
    ),
    ("GitLab token", "remote: glpat-{} has no access"),
    ("Slack token", "notify xoxb-{} failed"),
    ("Vault token", "vault: hvs.{} permission denied"),
    ("Google key", "key AIza{} not valid"),
    ("OpenShift token", "login sha256~{} failed"),
    ("token in a sentence", "the token \"{}\" is expired"),
    (
        "password in a sentence",
        "login as bob with password {} failed",
    ),
    (
        "PEM block",
        "bad key -----BEGIN RSA PRIVATE KEY-----\n{}\n{}\n-----END RSA PRIVATE KEY----- in secret",
    ),
    (
        "PEM block on one line",
        "bad key -----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----\\n",
    ),
    (
        "PEM block of OpenSSH",
        "-----BEGIN OPENSSH PRIVATE KEY----- {} -----END OPENSSH PRIVATE KEY-----",
    ),
    (
        "PEM block that is cut",
        "tls: -----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n{}",
    ),
    (
        "PEM block without its beginning",
        "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04f\n{}\n-----END EC PRIVATE KEY----- is bad",
    ),
    (
        "PGP block",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{}\n-----END PGP PRIVATE KEY BLOCK-----",
    ),
];

/// Messages without a secret. They stay as they are.
pub(crate) const HARMLESS: &[&str] = &[
    "Container image \"registry.example:5000/web:1.2@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\" already present on machine",
    "web:1.2@sha256:0a1b2c",
    "docker-pullable://nginx@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "comparing 53e28ff20cc530b9ada2173fbbd64d48338583ba with 53e28ff",
    "revision: 53e28ff20cc530b9ada2173fbbd64d48338583ba, key: 53e28ff20cc530b9ada2173fbbd64d48338583ba",
    "mail ops@example.com",
    "git@github.com:shop/web.git and ssh://git@github.com/shop/web.git",
    "Get \"https://registry.invalid/v2/?ns=docker.io\": timeout",
    "Get \"https://auth.docker.io/v2/web?scope=repository%3Ashop%2Fweb%3Apull&service=registry.docker.io\": EOF",
    "Get \"https://10.0.0.1:443/api/v1/pods?limit=500&resourceVersion=0&labelSelector=app%3Dweb\": refused",
    "https://registry.example.com:5000/@scope/web",
    "Basic authentication is off",
    "WWW-Authenticate: Bearer realm=\"https://auth.docker.io/v2\",service=\"registry.docker.io\"",
    "Bearer tokens are required",
    "failed to fetch anonymous token: unexpected status from GET request: 401 Unauthorized",
    "failed to fetch oauth token: Post \"https://auth.docker.io/v2\": EOF",
    "invalid password: authentication failed",
    "--password is required, --token must be set",
    "secret \"db-credentials\" not found",
    "MountVolume.SetUp failed for volume \"default-token-x7x2k\" : secret \"default-token-x7x2k\" not found",
    "MountVolume.SetUp failed for volume \"kube-api-access-x7x2k\" : object \"shop\"/\"kube-root-ca.crt\" not registered",
    "couldn't find key PASSWORD in Secret shop/db-6b4964b489",
    "secretName=web-tls passwordFile=/run/secrets/password tokens=3 replicas=2 password=",
    "Readiness probe failed: Get \"http://10.0.0.1:8080/healthz\": refused",
    "Readiness probe failed: {\"status\":\"DOWN\",\"checks\":[{\"name\":\"db\",\"status\":\"DOWN\"}]}",
    "pods \"web-6b4964b489-sthz5\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=2, limited: pods=2",
    "Back-off restarting failed container c in pod web-6b4964b489-sthz5_shop(5cdffe8c-b109-49fd-914e-062459b13781)",
    "pods is forbidden: User \"oidc:alice@example.com\" cannot list resource \"pods\" in API group \"\"",
    "User \"system:serviceaccount:ci:deployer\" cannot get resource \"secrets\" in API group \"\"",
    "User: arn:aws:sts::123456789012:assumed-role/ci/bob@example.com is not authorized",
    "InvalidClientTokenId: the security token included in the request is invalid",
    "0/3 nodes are available: 3 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }",
    "spec.replicas: Invalid value: -1",
    "metadata.name: Invalid value: \"A_b\": lower case",
    "rpc error: code = Unauthenticated desc = no session information",
    "exec: \"/app\": stat /app: no such file or directory",
    "exit code: 137, signal: 9",
    "-----BEGIN CERTIFICATE----- MIIB -----END CERTIFICATE-----",
    "x509: certificate signed by unknown authority",
    "Größe? é@",
    "",
];

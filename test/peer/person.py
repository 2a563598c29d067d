"""A scripted person: opens a consent URL, signs in, decides, and follows the redirect to the agent."""

from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from messages import send


class Forms(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.forms = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self.forms.append({"action": attributes.get("action") or "", "hidden": {}, "controls": set()})
        elif tag in ("input", "button") and self.forms and attributes.get("name"):
            form = self.forms[-1]
            form["controls"].add(attributes["name"])
            if attributes.get("type") == "hidden":
                form["hidden"][attributes["name"]] = attributes.get("value") or ""

    def has_control(self, name):
        return any(name in form["controls"] for form in self.forms)

    def with_control(self, name):
        for form in self.forms:
            if name in form["controls"]:
                return form
        raise ValueError(f"the page has no form with {name}")


class Person:
    def __init__(self, username, password, consent):
        self.credentials = {"action": "login", "username": username, "password": password}
        self.consent = consent
        self.cookies = {}

    def visit(self, url):
        """Signs in where asked to, decides, and opens where that leads."""
        page = self.open(url)
        if Forms(page).has_control("password"):
            page = self.submit(url, page, "password", self.credentials)
        self.submit(url, page, "consent", {"consent": self.consent})

    def submit(self, url, page, control, fields):
        form = Forms(page).with_control(control)
        body = urlencode({**form["hidden"], **fields}).encode()
        return self.open(urljoin(url, form["action"]), body)

    def open(self, url, body=None):
        for _redirect in range(10):
            headers = {"accept": "text/html"}
            if self.cookies.get(urlsplit(url).netloc):
                headers["Cookie"] = "; ".join(f"{n}={v}" for n, v in self.cookies[urlsplit(url).netloc].items())
            if body is not None:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                headers["Origin"] = "{0.scheme}://{0.netloc}".format(urlsplit(url))
            answer = send("GET" if body is None else "POST", url, headers, body)
            self.keep(url, answer)
            if answer.status != 303:
                if answer.status >= 400:
                    raise ValueError(f"{url} answers {answer.status}")
                return answer.body.decode()
            url, body = urljoin(url, answer.headers["location"]), None
        raise ValueError("too many redirects")

    def keep(self, url, answer):
        for cookie in answer.cookies:
            name, _equals, value = cookie.split(";")[0].partition("=")
            self.cookies.setdefault(urlsplit(url).netloc, {})[name] = value

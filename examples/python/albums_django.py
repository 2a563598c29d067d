"""An API in Django behind the gateway, in one file."""

import os
from wsgiref.simple_server import make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

settings.configure(  # your settings.py
    ALLOWED_HOSTS=[os.environ.get("HOST", "api.example")],
    USE_X_FORWARDED_HOST=True,
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
)


def albums(request):
    user = [request.headers.get("X-AAuth-Issuer", ""), request.headers.get("X-AAuth-Subject", "")]
    return JsonResponse({"user": user, "url": request.build_absolute_uri()})


urlpatterns = [path("albums/", albums)]

make_server("127.0.0.1", int(os.environ.get("PORT", "3000")), get_wsgi_application()).serve_forever()

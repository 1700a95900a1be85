"""Settings, read from the environment once. Every variable is listed in .env.example.

One module for each concern; `reserve.settings` is all of them.
"""

# In the order in which what is missing or makes no sense is told.
# isort: off
from reserve.settings.mode import *
from reserve.settings.secrets import *
from reserve.settings.databases import *
from reserve.settings.redis import *
from reserve.settings.celery import *
from reserve.settings.rules import *
from reserve.settings.messages import *
from reserve.settings.framework import *
from reserve.settings.observing import *
from reserve.settings.pages import *
from reserve.settings.apis import *

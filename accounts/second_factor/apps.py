from django.contrib.admin import apps


class AdminConfig(apps.AdminConfig):
    """Django's admin, behind a second factor."""

    default_site = "accounts.second_factor.site.SecondFactorSite"

from django.urls import path

from accounts.api.rest import logins, my_logins, organizations, passwords, people

_organization = "organizations/<str:organization>"

urlpatterns = [
    path("auth/register", logins.RegisterView.as_view()),
    path("auth/login", logins.LoginView.as_view()),
    path("auth/refresh", logins.RefreshView.as_view()),
    path("auth/logout", logins.LogoutView.as_view()),
    path("auth/logout-everywhere", my_logins.LogoutEverywhereView.as_view()),
    path("auth/request-email-verification", passwords.RequestEmailVerificationView.as_view()),
    path("auth/verify-email", passwords.VerifyEmailView.as_view()),
    path("auth/request-email-change", passwords.RequestEmailChangeView.as_view()),
    path("auth/confirm-email-change", passwords.ConfirmEmailChangeView.as_view()),
    path("auth/request-password-reset", passwords.RequestPasswordResetView.as_view()),
    path("auth/reset-password", passwords.ResetPasswordView.as_view()),
    path("auth/change-password", passwords.ChangePasswordView.as_view()),
    path("me", people.MeView.as_view(), name="me"),
    path("me/export", people.ExportView.as_view()),
    path("me/logins", my_logins.MyLoginsView.as_view()),
    path("me/logins/<str:login>", my_logins.MyLoginView.as_view()),
    path("organizations", organizations.OrganizationsView.as_view()),
    path(_organization, organizations.OrganizationView.as_view(), name="organization"),
    path(f"{_organization}/members", organizations.MembersView.as_view()),
    path(f"{_organization}/members/<str:membership>", organizations.MemberView.as_view()),
    path(f"{_organization}/invitations", organizations.InvitationsView.as_view()),
    path(
        f"{_organization}/invitations/<str:invitation>",
        organizations.InvitationView.as_view(),
        name="invitation",
    ),
    path("invitations/accept", organizations.AcceptInvitationView.as_view()),
]

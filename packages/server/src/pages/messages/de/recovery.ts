import type { enRecovery } from '../en/recovery.js'
import { createNotice, phrase } from '../parts/phrase.js'

const all = {
  unneeded: 'Wenn Sie das waren, brauchen Sie nichts zu tun.',
  action: 'Sicherheitseinstellungen prüfen',
  otherwise:
    'Wenn Sie das nicht waren, hat möglicherweise jemand anderes Zugriff auf Ihr Konto: Ändern Sie Ihr Passwort und melden Sie sich überall ab. Wenn Sie sich nicht anmelden können, wählen Sie auf der Anmeldeseite „Passwort vergessen?“.',
}

const notice = createNotice(all)

const agents = {
  ...all,
  action: 'Agenten prüfen',
  otherwise:
    'Wenn Sie das nicht waren, hat möglicherweise jemand anderes Zugriff auf Ihr Konto: Entfernen Sie den Agenten, ändern Sie Ihr Passwort und melden Sie sich überall ab.',
  optOut: 'Sie können diese E-Mails auf der Seite „Konto“ ausschalten.',
}

const agentNotice = createNotice(agents)

const blockNotice = createNotice({
  action: agents.action,
  optOut: agents.optOut,
  unneeded: 'Sie müssen nichts tun. Wenn Sie diesen Agenten nicht mehr verwenden, entfernen Sie ihn.',
})

/** The text of the pages for a forgotten password and for confirming an email address, in German. */
export const deRecovery: typeof enRecovery = {
  newPasswordPage: {
    invite: {
      heading: 'Wählen Sie ein Passwort',
      lead: (user, server) =>
        phrase`Ihr Benutzername bei ${server} ist ${user}. Melden Sie sich von nun an damit und mit diesem Passwort an.`,
    },
    reset: {
      heading: 'Wählen Sie ein neues Passwort',
      lead: (user, server) => phrase`Es gilt für das Konto ${user} bei ${server}. Sie werden überall abgemeldet.`,
    },
  },
  setPassword: 'Passwort festlegen',
  passkeyInstead: 'Oder stattdessen einen Passkey verwenden',
  forgotHeading: 'Passwort vergessen?',
  forgotLead:
    'Geben Sie Ihren Benutzernamen ein. Wenn die E-Mail-Adresse dazu bestätigt ist, senden wir dorthin einen Link, mit dem Sie ein neues Passwort wählen können.',
  sendLink: 'Link senden',
  forgotThrottled: 'Zu viele Versuche aus Ihrem Netzwerk. Versuchen Sie es später erneut.',
  checkEmail: 'Sehen Sie in Ihrem E-Mail-Postfach nach',
  linkSent:
    'Wenn es ein Konto mit diesem Benutzernamen und einer bestätigten E-Mail-Adresse gibt, haben wir dorthin einen Link gesendet. Er funktioniert 20 Minuten lang.',
  noLink: (whom) =>
    phrase`Wenn innerhalb weniger Minuten keine E-Mail ankommt, sehen Sie im Spam-Ordner nach oder bitten Sie ${whom} um ein neues Passwort.`,
  confirmEmail: {
    heading: 'Bestätigen Sie Ihre E-Mail-Adresse',
    lead: (email, server) =>
      phrase`Ist ${email} Ihre Adresse für Ihr Konto bei ${server}? Bestätigen Sie sie nur, wenn Sie sie dort angegeben haben.`,
    action: 'Diese Adresse bestätigen',
  },
  emails: {
    reset: {
      subject: (server) => `Ihr neues Passwort für ${server}`,
      before: (server, user) => [
        `Sie haben ein neues Passwort für Ihr Konto ${user} bei ${server} angefordert.`,
        'Öffnen Sie innerhalb von 20 Minuten diesen Link, um eines zu wählen. Er funktioniert nur einmal.',
      ],
      action: 'Neues Passwort wählen',
      after: [
        'Wenn Sie das nicht angefordert haben, tun Sie nichts: Ihr Passwort bleibt unverändert. Geben Sie diesen Link an niemanden weiter.',
      ],
    },
    confirm: {
      subject: (server) => `Bestätigen Sie Ihre E-Mail-Adresse für ${server}`,
      before: (server) => [
        `Ihre E-Mail-Adresse wurde für ein Konto bei ${server} angegeben.`,
        'Wenn Sie das waren, öffnen Sie innerhalb eines Tages diesen Link, um sie zu bestätigen. Dorthin senden wir dann Links, wenn Sie Ihr Passwort vergessen.',
      ],
      action: 'Diese Adresse bestätigen',
      after: ['Wenn Sie das nicht waren, tun Sie nichts: Die Adresse bleibt unbestätigt.'],
    },
    password_changed: notice(
      'Ihr Passwort wurde geändert',
      (server, user) => `Das Passwort Ihres Kontos ${user} bei ${server} wurde geändert.`,
    ),
    passkey_added: notice(
      'Ein Passkey wurde hinzugefügt',
      (server, user) => `Ihrem Konto ${user} bei ${server} wurde ein Passkey hinzugefügt.`,
    ),
    passkey_removed: notice(
      'Ein Passkey wurde entfernt',
      (server, user) => `Aus Ihrem Konto ${user} bei ${server} wurde ein Passkey entfernt.`,
    ),
    factor_added: notice(
      'Bestätigung in zwei Schritten eingerichtet',
      (server, user) =>
        `Für Ihr Konto ${user} bei ${server} wurde die Bestätigung in zwei Schritten mit einer Authenticator-App eingerichtet.`,
    ),
    factor_removed: notice(
      'Bestätigung in zwei Schritten ausgeschaltet',
      (server, user) => `Für Ihr Konto ${user} bei ${server} wurde die Bestätigung in zwei Schritten ausgeschaltet.`,
    ),
    email_changed: {
      ...notice(
        'Ihre E-Mail-Adresse wurde geändert',
        (server, user) =>
          `Die E-Mail-Adresse Ihres Kontos ${user} bei ${server} wurde geändert. An diese Adresse senden wir keine E-Mails mehr.`,
      ),
      after: [
        'Wenn Sie das nicht waren, hat vielleicht jemand anderes Zugriff auf Ihr Konto: Melden Sie sich an, ändern Sie Ihr Passwort und Ihre E-Mail-Adresse und melden Sie sich überall ab.',
      ],
    },
    device_connected: {
      ...notice(
        'Ein Gerät wurde verbunden',
        (server, user) =>
          `Mit Ihrem Konto ${user} bei ${server} wurde ein Gerät verbunden. Bevor es auf etwas zugreifen kann, fragt es Sie.`,
      ),
      action: 'Geräte prüfen',
      after: [
        'Wenn Sie das nicht waren, trennen Sie das Gerät unter „Meine Agenten“, denn ein neues Passwort trennt es nicht. Ändern Sie dann Ihr Passwort und melden Sie sich überall ab.',
      ],
    },
    identity_linked: notice(
      'Ein Anmeldedienst wurde verknüpft',
      (server, user) =>
        `Mit Ihrem Konto ${user} bei ${server} wurde ein Konto bei einem anderen Dienst verknüpft. Damit kann man sich anmelden.`,
    ),
    identity_unlinked: notice(
      'Ein Anmeldedienst wurde entfernt',
      (server, user) =>
        `Aus Ihrem Konto ${user} bei ${server} wurde ein Dienst entfernt, mit dem Sie sich anmelden konnten.`,
    ),
    agent_allowed: agentNotice(
      'Ein neuer Agent hat Zugriff erhalten',
      (server, user, about) =>
        `Der Agent ${about.agent} hat mit Ihrem Konto ${user} bei ${server} Zugriff auf ${about.resource} erhalten.`,
    ),
    agent_blocked: blockNotice(
      'Ein Agent wurde gesperrt',
      (server, user, about) =>
        `Die Administration von ${server} hat den Agenten ${about.agent} gesperrt. Er bekommt mit Ihrem Konto ${user} keinen neuen Zugriff.`,
    ),
    new_device: notice(
      'Neue Anmeldung',
      (server, user) =>
        `Jemand hat sich bei Ihrem Konto ${user} bei ${server} in einem Browser angemeldet, den wir noch nicht kennen.`,
    ),
  },
}

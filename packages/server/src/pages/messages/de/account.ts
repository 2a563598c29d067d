import type { enAccount } from '../en/account.js'
import { createCounted, createDuration } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'
import { deDevices } from './security.js'

const [counted, duration] = [createCounted('de'), createDuration('de')]

/** The text of the account pages, in German. */
export const deAccount: typeof enAccount = {
  navigation: 'Ihr Konto',
  sections: { agents: 'Meine Agenten', activity: 'Aktivität', security: 'Sicherheit', yours: 'Konto' },
  signOut: 'Abmelden',

  agentsLead: 'Diese Agenten können für Sie handeln. Sie können jeden davon jederzeit entfernen.',
  noAgents: 'Sie haben keine Agenten.',
  noAgentsYet: 'Agenten, denen Sie Zugriff erlauben, erscheinen hier. Hier können Sie sie auch entfernen.',
  moreAgents: 'Es können mehr Agenten für Sie handeln, als auf diese Seite passen.',
  agentPages: 'Weitere Agenten',
  morePermissions: (count) =>
    counted(count, { one: 'und # weitere Berechtigung', other: 'und # weitere Berechtigungen' }),
  filter: 'Agenten suchen',
  find: 'Suchen',
  found: (shown, total) => `${shown} von ${counted(total, { one: '# Agent', other: '# Agenten' })}.`,
  showAll: 'Alle anzeigen',
  actsAt: (resource) => phrase`hat Zugriff auf ${resource}`,
  withAccount: (name) => phrase`mit Ihrem Konto ${name} dort`,
  signsIn: 'meldet Sie mit Ihrem Konto hier an',
  blocked: {
    agent: 'Die Administration hat diesen Agenten gesperrt: Er bekommt keinen neuen Zugriff.',
    host: 'Die Administration hat alle Agenten von dieser Website gesperrt: Dieser bekommt keinen neuen Zugriff.',
  },
  signsRequests: 'niemand sonst kann den Zugriff verwenden',
  worksForCopies: 'wer den Zugriff kopiert, kann ihn verwenden',
  hasChanged: 'Was er über sich veröffentlicht, hat sich geändert, seit Sie ihm Zugriff erlaubt haben.',
  ofAgent: (agent, resource) => phrase`für ${agent} bei ${resource}`,
  agentHeading: (agent, resource) => phrase`${agent} bei ${resource}`,
  onlyOnce: (call) => phrase`Sie haben nur dies erlaubt, ein einziges Mal: ${call}.`,
  allowedOn: (day) => phrase`Erlaubt am ${day}.`,
  lastUsedOn: (day) => phrase`Zuletzt verwendet am ${day}.`,
  notUsedYet: 'Noch nicht verwendet.',
  unused: 'Seit 90 Tagen nicht verwendet. Wenn Sie ihn nicht mehr brauchen, entfernen Sie seinen Zugriff.',
  until: (moment) => phrase`bis ${moment}`,
  endsOn: (day) => phrase`Endet am ${day}.`,
  endsWhenRemoved: 'Bleibt, bis Sie ihn entfernen.',
  isAble: 'Der Agent kann',
  wasAble: 'Der Agent konnte',
  noLonger: (agent, resource) => phrase`${agent} hat keinen Zugriff auf ${resource} mehr.`,
  noLongerSignsIn: (agent) => phrase`${agent} kann Sie nicht mehr anmelden.`,
  ended: {
    person: (moment) => phrase`Sie haben den Zugriff am ${moment} entfernt.`,
    server: (moment) => phrase`Die Administration hat den Zugriff am ${moment} entfernt.`,
    time: (moment) => phrase`Der Zugriff endete am ${moment}.`,
  },
  latestActivity: 'Letzte Aktivität',

  remove: 'Zugriff entfernen',
  removeTitle: (agentHost) => `${agentHost} entfernen?`,
  removeQuestion: (agent) => phrase`Zugriff von ${agent} entfernen?`,
  removeEffect: (agent, resource) => phrase`${agent} hat dann keinen Zugriff auf ${resource} mehr.`,
  removeSignIn: (agent) => phrase`${agent} kann Sie dann nicht mehr anmelden.`,
  removeAccount: (name) => phrase`Nur der Zugriff mit Ihrem Konto ${name} dort endet.`,
  removeStops: (seconds) =>
    `Neuer Zugriff endet sofort. Bereits gewährter Zugriff kann noch bis zu ${duration(seconds)} funktionieren.`,
  removePermission: 'Berechtigung entfernen',
  removePermissionTitle: (agentHost) => `Berechtigung von ${agentHost} entfernen?`,
  removePermissionQuestion: (agent) => phrase`Diese Berechtigung von ${agent} entfernen?`,
  removePermissionEffect: (agent) =>
    phrase`${agent} kann dies dann nicht mehr tun. Die anderen Berechtigungen bleiben bestehen.`,
  removeEntirely: 'Agenten ganz entfernen',
  removeEntirelyEffect: (agent) =>
    phrase`${agent} handelt nur für Sie. Wenn Sie den Agenten ganz entfernen, verliert er jeden Zugriff bei jedem Dienst und handelt für niemanden mehr.`,
  told: {
    pending: (resource) =>
      phrase`Wir fordern ${resource} gerade auf, den noch bestehenden Zugriff des Agenten nicht mehr zu akzeptieren.`,
    delivered: (resource) =>
      phrase`Wir haben ${resource} aufgefordert, den Zugriff, den der Agent hatte, nicht mehr zu akzeptieren. Der Empfang wurde bestätigt.`,
    unsupported: (resource) =>
      phrase`${resource} kann keine Mitteilung empfangen. Was der Agent dort hat, gilt deshalb, bis es von selbst endet.`,
    failed: (resource) =>
      phrase`Wir konnten ${resource} nicht erreichen. Was der Agent dort hat, gilt deshalb, bis es von selbst endet.`,
    expired: (resource) => phrase`Was der Agent bei ${resource} hatte, ist von selbst abgelaufen.`,
  },
  removeKeeps:
    'Was der Agent bereits getan hat, wird dadurch nicht rückgängig gemacht. Wenn Sie das wieder brauchen, beginnen Sie beim Agenten.',
  extendIt: 'Verlängern',
  extendQuestion: (agent) => phrase`Soll ${agent} dies länger tun dürfen?`,
  countsFromNow: 'Die Dauer zählt ab jetzt.',
  extended: 'Verlängert. Unten sehen Sie, wann die Berechtigung nun endet.',
  keep: 'Behalten',
  removedTitle: 'Zugriff entfernt',
  removed: (stopped, runsOut) =>
    phrase`Entfernt. Neuer Zugriff endete um ${stopped}; bestehender Zugriff endet spätestens um ${runsOut}.`,
  removedTold: (stopped, runsOut) =>
    phrase`Entfernt. Neuer Zugriff endete um ${stopped}. Wir fordern die Dienste gerade auf, den noch bestehenden Zugriff des Agenten nicht mehr zu akzeptieren; unten sehen Sie, ob die Mitteilung jeweils angekommen ist. Wo nicht, endet der bestehende Zugriff spätestens um ${runsOut}.`,
  withoutAccess: 'Agenten ohne Zugriff',
  stillBound: 'Er handelt für niemand anderen: Wenn er erneut fragt, können nur Sie zustimmen.',
  removeAll: 'Alle Agenten entfernen',
  removeAllQuestion: 'Zugriff aller Agenten entfernen?',
  removeAllEffect: (count) =>
    counted(count, {
      one: 'Dieser Agent hat dann keinen Zugriff mehr:',
      other: 'Diese # Agenten haben dann keinen Zugriff mehr:',
    }),
  moreRemoved: 'Und andere, die nicht auf diese Seite passen.',
  removeAllYes: 'Alle entfernen',
  keepAll: 'Behalten',

  activityLead:
    'Was mit Ihrem Konto und Ihren Agenten geschehen ist. Wenn Sie etwas sehen, das nicht von Ihnen stammt, ändern Sie Ihr Passwort.',
  noActivity: 'Bisher ist nichts geschehen.',
  pages: 'Weitere Aktivität',
  newer: 'Neuere',
  older: 'Ältere',
  agentEvents: {
    allowed_once: (agent, resource, call) =>
      phrase`Sie haben ${agent} dies bei ${resource} erlaubt, nur dieses eine Mal: ${call}.`,
    allowed: (agent, resource) => phrase`Sie haben ${agent} Zugriff auf ${resource} erlaubt.`,
    denied: (agent, resource) => phrase`Sie haben ${agent} den Zugriff auf ${resource} nicht erlaubt.`,
    remembered: (agent, resource) =>
      phrase`${agent} hat erneut um Zugriff auf ${resource} gebeten, den Sie schon erlaubt hatten. Wir haben Sie nicht noch einmal gefragt.`,
    used: (agent, resource) => phrase`${agent} hat den Zugriff auf ${resource} verwendet.`,
    removed: (agent, resource) => phrase`Sie haben den Zugriff auf ${resource} für ${agent} entfernt.`,
    removed_by_server: (agent, resource) =>
      phrase`Die Administration hat den Zugriff auf ${resource} für ${agent} entfernt.`,
    blocked_by_server: (agent) =>
      phrase`Die Administration hat ${agent} gesperrt: Dieser Agent bekommt keinen neuen Zugriff.`,
    permission_extended: (agent, resource, names) =>
      phrase`Sie haben Berechtigungen von ${agent} bei ${resource} verlängert: ${names}.`,
    permission_removed: (agent, resource, names) =>
      phrase`Sie haben ${agent} Berechtigungen bei ${resource} entzogen: ${names}.`,
  },
  signInEvents: {
    allowed_once: (agent, call) =>
      phrase`Sie haben ${agent} dies bei seinem eigenen Dienst erlaubt, nur dieses eine Mal: ${call}.`,
    allowed: (agent) => phrase`Sie haben ${agent} erlaubt, Sie anzumelden.`,
    denied: (agent) => phrase`Sie haben ${agent} nicht erlaubt, Sie anzumelden.`,
    remembered: (agent) =>
      phrase`${agent} hat erneut darum gebeten, Sie anzumelden, was Sie schon erlaubt hatten. Wir haben Sie nicht noch einmal gefragt.`,
    used: (agent) => phrase`${agent} hat Sie angemeldet.`,
    removed: (agent) => phrase`Sie haben ${agent} die Erlaubnis entzogen, Sie anzumelden.`,
    removed_by_server: (agent) => phrase`Die Administration hat ${agent} die Erlaubnis entzogen, Sie anzumelden.`,
    blocked_by_server: (agent) =>
      phrase`Die Administration hat ${agent} gesperrt: Dieser Agent bekommt keinen neuen Zugriff.`,
    permission_extended: (agent, names) =>
      phrase`Sie haben Berechtigungen von ${agent} bei seinem eigenen Dienst verlängert: ${names}.`,
    permission_removed: (agent, names) =>
      phrase`Sie haben ${agent} Berechtigungen bei seinem eigenen Dienst entzogen: ${names}.`,
  },
  accountEvents: {
    signed_up: 'Konto erstellt.',
    signed_in: 'Sie haben sich angemeldet.',
    sign_in_failed: 'Fehlgeschlagener Anmeldeversuch.',
    signed_out: 'Sie haben sich abgemeldet.',
    session_ended: 'Sie haben ein anderes Gerät abgemeldet.',
    session_displaced: 'Ihre älteste Anmeldung wurde beendet, weil Sie auf zu vielen Geräten angemeldet waren.',
    signed_out_everywhere: 'Sie haben sich überall abgemeldet.',
    session_ended_by_server: 'Ein Administrator hat eines Ihrer Geräte abgemeldet.',
    signed_out_others: 'Sie haben alle anderen Geräte abgemeldet.',
    signed_out_by_server: 'Ein Administrator hat Sie überall abgemeldet.',
    password_changed_by_server: 'Ein Administrator hat ein neues Passwort festgelegt.',
    provider_added: 'Mit Ihrem Konto wurde ein weiterer Anmeldeweg verknüpft.',
    provider_removed: 'Sie haben einen Anmeldedienst entfernt.',
    edited: 'Ihr Name oder Ihre E-Mail-Adresse wurde geändert.',
    edited_by_server: 'Ein Administrator hat Ihren Namen oder Ihre E-Mail-Adresse geändert.',
    email_confirmed: 'Sie haben Ihre E-Mail-Adresse bestätigt.',
    link_created: 'Ein Link zum Festlegen Ihres Passworts wurde erstellt.',
    password_changed: 'Sie haben Ihr Passwort geändert.',
    passkey_added: 'Sie haben einen Passkey hinzugefügt.',
    passkey_removed: 'Sie haben einen Passkey entfernt.',
    passkey_removed_by_server: 'Die Administration hat einen Passkey entfernt.',
    factor_added: 'Sie haben die Bestätigung in zwei Schritten eingerichtet.',
    factor_removed: 'Sie haben die Bestätigung in zwei Schritten ausgeschaltet.',
    factor_removed_by_server: 'Die Administration hat die Bestätigung in zwei Schritten ausgeschaltet.',
    recovery_codes_replaced: 'Sie haben neue Wiederherstellungscodes erhalten.',
    recovery_code_used: 'Sie haben einen Wiederherstellungscode verwendet.',
    downloaded: 'Sie haben Ihre Daten heruntergeladen.',
  },

  notices: {
    password_changed: 'Ihr Passwort wurde geändert. Sie wurden überall sonst abgemeldet.',
    passkey_added: 'Der Passkey wurde hinzugefügt.',
    passkey_removed: 'Der Passkey wurde entfernt.',
    passkey_failed: 'Der Passkey wurde nicht hinzugefügt. Versuchen Sie es erneut.',
    factor_removed: 'Die Bestätigung in zwei Schritten ist ausgeschaltet.',
    session_ended: 'Das Gerät ist abgemeldet.',
    others_ended: 'Alle anderen Geräte sind abgemeldet.',
  },
  passwordLead: 'Ändern Sie es, wenn Sie glauben, dass jemand anderes es kennt.',
  changePassword: 'Passwort ändern',
  changePasswordEffect: 'Hier bleiben Sie angemeldet. Überall sonst werden Sie abgemeldet.',
  currentPassword: 'Aktuelles Passwort',
  passwordProblems: {
    wrong_password: 'Ihr aktuelles Passwort ist falsch. Versuchen Sie es erneut.',
    throttled: 'Zu viele Versuche. Warten Sie einige Minuten und versuchen Sie es dann erneut.',
    new_password_too_short: 'Das neue Passwort ist zu kurz. Wählen Sie ein längeres.',
    new_password_too_long: 'Das neue Passwort ist zu lang. Wählen Sie ein kürzeres.',
    new_password_common:
      'Viele Menschen verwenden dieses Passwort, es ist also leicht zu erraten. Wählen Sie ein anderes.',
    new_password_same: 'Das ist Ihr aktuelles Passwort. Wählen Sie ein anderes.',
  },
  passkeys: 'Passkeys',
  passkeysLead:
    'Mit einem Passkey melden Sie sich per Fingerabdruck, Gesichtserkennung oder Displaysperre Ihres Geräts an.',
  addedOn: (day) => phrase`Hinzugefügt am ${day}.`,
  removeIt: 'Entfernen',
  passkeyName: 'Name des Passkeys (zum Beispiel „Mein Laptop“)',
  addPasskey: 'Passkey hinzufügen',
  withoutPasskeys:
    'Um einen Passkey hinzuzufügen, verwenden Sie einen Browser, der Passkeys unterstützt, mit aktiviertem JavaScript.',
  removePasskey: 'Passkey entfernen',
  removePasskeyQuestion: (name) => phrase`Passkey ${name} entfernen?`,
  removePasskeyEffect: 'Sie können sich damit dann nicht mehr anmelden. Entfernen Sie ihn auch von Ihrem Gerät.',
  sessions: 'Wo Sie angemeldet sind',
  sessionsLead: 'Wenn Sie eines dieser Geräte nicht kennen, melden Sie es ab und ändern Sie Ihr Passwort.',
  unknownDevice: 'Unbekanntes Gerät',
  thisDevice: 'Dieses Gerät',
  signedInOn: (moment) => phrase`Angemeldet am ${moment}.`,
  lastSeenOn: (moment) => phrase`Zuletzt aktiv am ${moment}.`,
  endIt: 'Abmelden',
  endOthers: 'Alle anderen Geräte abmelden',
  signOutEverywhere: 'Überall abmelden',
  signOutEverywhereEffect: 'Auch auf diesem Gerät. Ihre Agenten behalten ihren Zugriff.',

  devices: deDevices,

  yours: 'Ihr Konto',
  providers: 'Anmeldedienste',
  providersLead: 'Mit Ihrem Konto bei diesen Diensten können Sie sich hier anmelden.',
  removeProvider: 'Dienst entfernen',
  removeProviderQuestion: (name) => phrase`Nicht mehr mit ${name} anmelden?`,
  removeProviderEffect: 'Mit Ihrem Konto dort können Sie sich hier dann nicht mehr anmelden.',
  providerRemoved: 'Der Dienst wurde entfernt.',
  providerOnlyWay: 'Nur so können Sie sich anmelden. Fügen Sie zuerst einen Passkey hinzu.',
  aboutYou: 'Ihr Name und Ihre E-Mail-Adresse',
  aboutYouLead:
    'Agenten erfahren sie nur, wenn Sie es erlauben. Auf der Seite, auf der Sie entscheiden, sehen Sie, was sie erfahren würden.',
  name: 'Name',
  saveName: 'Namen speichern',
  changeEmail: 'E-Mail-Adresse ändern',
  changeEmailLead:
    'Wir senden einen Link an die neue Adresse. Sie ersetzt die alte, wenn Sie den Link öffnen und sie bestätigen.',
  emailInvalid: 'Das ist keine E-Mail-Adresse. Prüfen Sie die Eingabe und versuchen Sie es noch einmal.',
  emailStates: { confirmed: 'bestätigt', unconfirmed: 'nicht bestätigt' },
  confirmEmail: 'Bestätigen Sie Ihre E-Mail-Adresse',
  confirmEmailLead:
    'Wenn Sie Ihr Passwort vergessen, können wir einen Link dorthin senden, aber erst, wenn Sie die Adresse bestätigt haben.',
  confirmEmailYes: 'E-Mail anfordern',
  agentEmails: {
    heading: 'E-Mails zu Agenten',
    on: {
      lead: 'Wir senden Ihnen eine E-Mail, wenn Sie einem Agenten zum ersten Mal Zugriff erlauben oder ein Agent gesperrt wird.',
      change: 'Diese E-Mails ausschalten',
    },
    off: {
      lead: 'Wir senden Ihnen keine E-Mail, wenn Sie einem Agenten zum ersten Mal Zugriff erlauben oder ein Agent gesperrt wird.',
      change: 'Diese E-Mails einschalten',
    },
    always: 'E-Mails zu Ihrer Anmeldung und Ihren Geräten senden wir immer.',
  },
  emailRequested: 'Wir senden Ihnen eine E-Mail mit einem Link. Öffnen Sie ihn, um Ihre Adresse zu bestätigen.',
  madeOn: 'Erstellt am',
  download: 'Ihre Daten',
  downloadLead:
    'Laden Sie eine Datei mit den Daten herunter, die wir über Sie speichern: Ihr Konto, Ihre Agenten und Ihre Aktivität.',
  downloadYes: 'Herunterladen',
  close: 'Konto schließen',
  closeLead: 'Damit enden Ihr Konto und der Zugriff aller Ihrer Agenten.',
  closeQuestion: 'Konto endgültig schließen?',
  closeEffect: 'Das lässt sich nicht rückgängig machen.',
  closeRemoves: (count) =>
    counted(count, { one: '# Agent verliert den Zugriff.', other: '# Agenten verlieren den Zugriff.' }),
  closeForgets: 'Sie können sich dann nicht mehr anmelden.',
  closeYes: 'Konto schließen',
  keepAccount: 'Konto behalten',
  left: {
    signed_out: {
      heading: 'Sie sind abgemeldet',
      explanation: 'Ihre Agenten arbeiten weiter, bis Sie sie entfernen.',
    },
    signed_out_everywhere: {
      heading: 'Sie sind überall abgemeldet',
      explanation: 'Ihre Agenten arbeiten weiter, bis Sie sie entfernen.',
    },
    email_confirmed: {
      heading: 'Ihre E-Mail-Adresse ist bestätigt',
      explanation: 'Wenn Sie Ihr Passwort vergessen, können wir einen Link dorthin senden.',
    },
    password_set: {
      heading: 'Ihr Passwort ist festgelegt',
      explanation: 'Melden Sie sich damit an, um fortzufahren.',
    },
    passkey_set: { heading: 'Ihr Passkey ist eingerichtet', explanation: 'Melden Sie sich damit an, um fortzufahren.' },
    account_closed: {
      heading: 'Ihr Konto ist geschlossen',
      explanation: 'Ihre Agenten bekommen keinen neuen Zugriff.',
    },
  },
}

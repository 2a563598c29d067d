import type { enProblems } from '../en/problems.js'
import { phrase } from '../parts/phrase.js'

/** The text of the problem pages, in German. The agent stands after `von`, `zu` or `bei`, in the dative. */
export const deProblems: typeof enProblems = {
  request_unknown: {
    heading: 'Dieser Link funktioniert nicht',
    explanation: () => phrase`Er ist unvollständig oder zu alt, oder er stammt nicht von diesem Server.`,
    advice: (agent) => phrase`Gehen Sie zurück zu ${agent} und beginnen Sie neu.`,
  },
  link_invalid: {
    heading: 'Dieser Link funktioniert nicht mehr',
    explanation: () =>
      phrase`Er ist möglicherweise abgelaufen oder wurde schon verwendet. Er funktioniert nur einmal, in einem Browser, der Cookies akzeptiert.`,
    advice: () => phrase`Wenn Sie ihn noch brauchen, fordern Sie einen neuen an.`,
  },
  request_expired: {
    heading: 'Diese Anfrage ist abgelaufen',
    explanation: () =>
      phrase`Eine Anfrage bleibt nur begrenzte Zeit offen. Diese ist abgelaufen, bevor sie beantwortet wurde.`,
    advice: (agent) => phrase`Wenn Sie es noch möchten, gehen Sie zurück zu ${agent} und versuchen Sie es erneut.`,
  },
  request_used: {
    heading: 'Diese Anfrage ist geschlossen',
    explanation: () =>
      phrase`Sie wurde schon beantwortet oder zurückgezogen. Eine Anfrage kann nur einmal beantwortet werden.`,
    advice: (agent) => phrase`Wenn Sie noch etwas brauchen, gehen Sie zurück zu ${agent} und beginnen Sie neu.`,
  },
  request_allowed: {
    heading: 'Diese Anfrage wurde erlaubt',
    explanation: () => phrase`Ihre Antwort liegt uns schon vor, und eine Anfrage kann nur einmal beantwortet werden.`,
    advice: (agent) =>
      phrase`Sie können diese Seite schließen. Wenn es bei ${agent} noch nicht weitergeht, beginnen Sie dort neu.`,
    retry: 'Zu „Meine Agenten“',
  },
  request_denied: {
    heading: 'Diese Anfrage wurde nicht erlaubt',
    explanation: () => phrase`Sie wurde beantwortet, und es wurde kein Zugriff gewährt.`,
    advice: (agent) =>
      phrase`Sie können diese Seite schließen. Wenn Sie Ihre Meinung ändern, beginnen Sie neu bei ${agent}.`,
  },
  request_other_session: {
    heading: 'Machen Sie dort weiter, wo Sie begonnen haben',
    explanation: () =>
      phrase`Diese Anfrage kann nur in dem Browser beantwortet werden, der sie zuerst geöffnet hat, und nur solange er seine Cookies behält.`,
    advice: () =>
      phrase`Machen Sie in jenem Browser weiter oder beginnen Sie neu beim Agenten. Wenn Ihnen jemand diesen Link geschickt hat, schließen Sie die Seite.`,
  },
  request_other_user: {
    heading: 'Nur eine andere Person kann hier antworten',
    explanation: () =>
      phrase`Der Agent, von dem diese Anfrage kommt, handelt nur für eine Person, und Sie sind mit einem anderen Konto angemeldet. Die Anfrage bleibt für diese Person offen.`,
    advice: () =>
      phrase`Wenn es Ihr Agent ist, wechseln Sie zu dem Konto, mit dem Sie ihn verwenden. Wenn Ihnen jemand diesen Link geschickt hat, schließen Sie die Seite.`,
  },
  request_agent_bound: {
    heading: 'Der Agent handelt für eine andere Person',
    explanation: () =>
      phrase`Eine andere Person hat diesem Agenten vor Ihnen etwas erlaubt, und er kann nur für eine Person handeln. Ihre Antwort hat ihm keinen Zugriff gegeben.`,
    advice: () =>
      phrase`Wenn Sie ihm früher mit einem anderen Konto Zugriff erlaubt haben, beginnen Sie neu beim Agenten und melden Sie sich mit jenem Konto an. Bitten Sie sonst die Personen, die den Agenten betreiben, einen eigenen für Sie einzurichten.`,
  },
  request_invalid: {
    heading: 'Diese Anfrage ist nicht verwendbar',
    explanation: (agent) =>
      phrase`Sie wurden von ${agent} mit einer Anfrage hierhergeschickt, die wir nicht verwenden können.`,
    advice: (agent) => phrase`Gehen Sie zurück zu ${agent}; dort wird gemeldet, was nicht stimmt.`,
  },
  request_too_soon: {
    heading: 'Wir haben diese Anfrage für Sie abgelehnt',
    explanation: (agent) =>
      phrase`Sie haben „Nicht erlauben“ gewählt, und von ${agent} kam zu früh noch einmal die gleiche Anfrage.`,
    advice: (agent, until) =>
      phrase`Die nächste Anfrage ist ab dem ${until} möglich. Wenn Sie Ihre Meinung geändert haben, beginnen Sie dann neu bei ${agent}.`,
  },
  client_unknown: {
    heading: 'Wir können nicht erkennen, wer fragt',
    explanation: () =>
      phrase`Das Programm, das Sie hierhergeschickt hat, ist bei uns nicht registriert, und die Angaben, die darüber veröffentlicht sein sollten, konnten wir nicht verwenden.`,
    advice: () =>
      phrase`Versuchen Sie es später erneut. Wenn das nicht hilft, wenden Sie sich an die Personen, die diesen Server betreiben, und nennen Sie die Referenz unten.`,
  },
  redirect_mismatch: {
    heading: 'Dieser Link passt nicht zur Anfrage',
    explanation: () =>
      phrase`Die Adresse, zu der er Sie schicken würde, fehlt oder ist nicht die, die uns der Agent genannt hat. Zu Ihrer Sicherheit haben wir abgebrochen.`,
    advice: (agent) =>
      phrase`Gehen Sie zurück zu ${agent} und beginnen Sie neu. Wenn das zweimal passiert, vertrauen Sie dem Link nicht.`,
  },
  csrf: {
    heading: 'Wir konnten nicht bestätigen, dass Sie das waren',
    explanation: () =>
      phrase`Das Formular war zu alt, Ihr Browser hat seine Cookies nicht gesendet, oder eine andere Website hat das Formular gesendet. Wir haben es nicht verwendet.`,
    advice: () => phrase`Öffnen Sie die Seite erneut und antworten Sie dort.`,
    retry: 'Seite erneut öffnen',
  },
  account_changed: {
    heading: 'Sie sind jetzt mit einem anderen Konto angemeldet',
    explanation: () =>
      phrase`Die Seite, die Sie beantwortet haben, galt für ein anderes Konto. Wir haben Ihre Antwort deshalb nicht verwendet.`,
    advice: () => phrase`Fahren Sie mit diesem Konto fort oder melden Sie sich mit dem anderen an.`,
  },
  sign_in_changed: {
    heading: 'Ihre Anmeldung hat sich geändert',
    explanation: () =>
      phrase`Währenddessen haben Sie sich abgemeldet, oder die Art Ihrer Anmeldung wurde geändert. Wir haben nicht weitergemacht.`,
    advice: () =>
      phrase`Versuchen Sie es erneut. Wenn Sie nichts geändert haben, prüfen Sie die Sicherheitsseite Ihres Kontos.`,
    retry: 'Erneut versuchen',
  },
  bad_form: {
    heading: 'Etwas im Formular stimmte nicht',
    explanation: () =>
      phrase`Ein Teil des Formulars fehlte oder war anders als erwartet. Wir haben es deshalb nicht verwendet.`,
    advice: (agent) =>
      phrase`Öffnen Sie die Seite erneut. Wenn das nicht hilft, gehen Sie zurück zu ${agent} und beginnen Sie neu.`,
    retry: 'Seite erneut öffnen',
  },
  not_found: {
    heading: 'Seite nicht gefunden',
    explanation: () => phrase`Die Adresse enthält vielleicht einen Tippfehler, oder die Seite gibt es nicht mehr.`,
    advice: () => phrase`Prüfen Sie die Adresse oder gehen Sie dorthin zurück, wo Sie hergekommen sind.`,
    retry: 'Zu „Meine Agenten“',
  },
  method_not_allowed: {
    heading: 'Diese Seite lässt sich so nicht öffnen',
    explanation: () => phrase`Sie wurde auf eine Weise geöffnet, für die sie nicht gemacht ist.`,
    advice: (agent) => phrase`Gehen Sie zurück zu ${agent} und beginnen Sie neu.`,
  },
  policy_forbids: {
    heading: 'Ihre Administration erlaubt dies nicht',
    explanation: (agent) => phrase`Die Anfrage von ${agent} ist auf diesem Server nicht erlaubt.`,
    advice: () =>
      phrase`Wenn Sie es brauchen, wenden Sie sich an Ihre Administration und nennen Sie die Referenz unten.`,
    retry: 'Zurück',
  },
  too_many_permissions: {
    heading: 'Dieser Agent hat schon zu viele Berechtigungen',
    explanation: (agent) =>
      phrase`Bei ${agent} sind nicht mehr als 256 verschiedene Berechtigungen für denselben Dienst möglich.`,
    advice: () => phrase`Entfernen Sie den Zugriff unter „Meine Agenten“ und beginnen Sie dann neu.`,
    retry: 'Zu „Meine Agenten“',
  },
  too_many_requests: {
    heading: 'Zu viele Versuche',
    explanation: () => phrase`Es gab viele Versuche in kurzer Zeit, deshalb warten wir ein wenig.`,
    advice: () => phrase`Warten Sie einige Minuten und versuchen Sie es dann erneut.`,
  },
  temporarily_unavailable: {
    heading: 'Wir können gerade leider nicht antworten',
    explanation: () => phrase`Das Problem liegt bei uns, nicht bei Ihnen.`,
    advice: () => phrase`Warten Sie einen Moment und versuchen Sie es dann erneut.`,
  },
  server_error: {
    heading: 'Bei uns ist leider etwas schiefgegangen',
    explanation: () => phrase`Der Fehler liegt bei uns, nicht bei Ihnen.`,
    advice: () => phrase`Versuchen Sie es erneut. Wenn es wieder passiert, nennen Sie uns die Referenz unten.`,
  },
}

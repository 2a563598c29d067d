import type { enProblems } from '../en/problems.js'
import { phrase } from '../parts/phrase.js'

/** The text of the problem pages, in French. */
export const frProblems: typeof enProblems = {
  request_unknown: {
    heading: 'Ce lien ne fonctionne pas',
    explanation: () => phrase`Il est incomplet ou trop ancien, ou il ne vient pas de ce serveur.`,
    advice: (agent) => phrase`Revenez à ${agent} et recommencez.`,
  },
  link_invalid: {
    heading: 'Ce lien ne fonctionne plus',
    explanation: () =>
      phrase`Il a peut-être expiré ou déjà servi. Il ne fonctionne qu’une fois, dans un navigateur qui accepte les cookies.`,
    advice: () => phrase`Si vous en avez encore besoin, demandez-en un nouveau.`,
  },
  request_expired: {
    heading: 'Cette demande a expiré',
    explanation: () =>
      phrase`Une demande reste ouverte pendant un temps limité. Celle-ci a expiré avant de recevoir une réponse.`,
    advice: (agent) => phrase`Si vous le souhaitez toujours, revenez à ${agent} et réessayez.`,
  },
  request_used: {
    heading: 'Cette demande est close',
    explanation: () =>
      phrase`Elle a déjà reçu une réponse ou a été retirée. Une demande ne peut recevoir qu’une seule réponse.`,
    advice: (agent) => phrase`Si vous avez encore besoin de quelque chose, revenez à ${agent} et recommencez.`,
  },
  request_allowed: {
    heading: 'Cette demande a été autorisée',
    explanation: () => phrase`Nous avons déjà votre réponse, et une demande ne peut en recevoir qu’une seule.`,
    advice: (agent) => phrase`Vous pouvez fermer cette page. Si ${agent} attend toujours, recommencez à partir de là.`,
    retry: 'Aller à « Mes agents »',
  },
  request_denied: {
    heading: 'Cette demande a été refusée',
    explanation: () => phrase`Elle a reçu une réponse et n’a donné aucun accès.`,
    advice: (agent) => phrase`Vous pouvez fermer cette page. Si vous changez d’avis, recommencez à partir de ${agent}.`,
  },
  request_other_session: {
    heading: 'Continuez là où vous avez commencé',
    explanation: () =>
      phrase`Seul le navigateur qui a ouvert cette demande en premier peut servir à y répondre, tant qu’il conserve ses cookies.`,
    advice: () =>
      phrase`Continuez dans ce navigateur, ou recommencez à partir de l’agent. Si quelqu’un vous a envoyé ce lien, fermez la page.`,
  },
  request_other_user: {
    heading: 'Seule une autre personne peut répondre',
    explanation: () =>
      phrase`L’agent qui a envoyé cette demande n’agit que pour une seule personne, et vous utilisez un autre compte. La demande reste ouverte pour cette personne.`,
    advice: () =>
      phrase`Si l’agent est à vous, passez au compte avec lequel vous l’utilisez. Si quelqu’un vous a envoyé ce lien, fermez la page.`,
  },
  request_agent_bound: {
    heading: 'L’agent agit pour une autre personne',
    explanation: () =>
      phrase`Une autre personne a autorisé quelque chose à cet agent avant vous, et il ne peut agir que pour une seule personne. Votre réponse ne lui a donné aucun accès.`,
    advice: () =>
      phrase`Si vous l’avez autorisé auparavant avec un autre compte, recommencez à partir de l’agent et connectez-vous avec ce compte. Sinon, demandez aux responsables de l’agent d’en créer un distinct pour vous.`,
  },
  request_invalid: {
    heading: 'Cette demande est inutilisable',
    explanation: (agent) => phrase`Nous ne pouvons pas utiliser la demande avec laquelle ${agent} vous envoie ici.`,
    advice: (agent) => phrase`Revenez à ${agent} : le problème y sera signalé.`,
  },
  request_too_soon: {
    heading: 'Nous avons refusé cette demande pour vous',
    explanation: (agent) => phrase`Vous avez choisi « Refuser », et la même demande est revenue trop tôt de ${agent}.`,
    advice: (agent, until) =>
      phrase`Une nouvelle demande sera possible à partir du ${until}. Si vous avez changé d’avis, recommencez alors à partir de ${agent}.`,
  },
  client_unknown: {
    heading: 'Nous ne savons pas qui fait la demande',
    explanation: () =>
      phrase`Le programme qui est à l’origine de cette demande n’est pas enregistré chez nous, et nous n’avons pas pu utiliser les informations qui devraient être publiées à son sujet.`,
    advice: () =>
      phrase`Réessayez plus tard. Si cela ne suffit pas, adressez-vous aux responsables de ce serveur et donnez-leur la référence ci-dessous.`,
  },
  redirect_mismatch: {
    heading: 'Ce lien ne correspond pas à la demande',
    explanation: () =>
      phrase`L’adresse vers laquelle il vous enverrait manque, ou n’est pas celle que l’agent nous a donnée. Par sécurité, nous nous sommes arrêtés là.`,
    advice: (agent) =>
      phrase`Revenez à ${agent} et recommencez. Si cela se produit deux fois, ne faites pas confiance à ce lien.`,
  },
  csrf: {
    heading: 'Nous n’avons pas pu confirmer que c’était vous',
    explanation: () =>
      phrase`Le formulaire était trop ancien, votre navigateur n’a pas envoyé ses cookies, ou un autre site a envoyé le formulaire. Nous ne l’avons pas utilisé.`,
    advice: () => phrase`Rouvrez la page et répondez-y.`,
    retry: 'Rouvrir la page',
  },
  account_changed: {
    heading: 'Vous utilisez maintenant un autre compte',
    explanation: () =>
      phrase`La page à laquelle vous avez répondu concernait un autre compte ; nous n’avons donc pas utilisé votre réponse.`,
    advice: () => phrase`Continuez avec ce compte, ou connectez-vous avec l’autre.`,
  },
  sign_in_changed: {
    heading: 'Votre connexion a changé',
    explanation: () =>
      phrase`Entre-temps, votre session a été fermée ou votre moyen de connexion a été modifié. Nous ne sommes pas allés plus loin.`,
    advice: () => phrase`Réessayez. Si vous n’avez rien changé, consultez la page de sécurité de votre compte.`,
    retry: 'Réessayer',
  },
  bad_form: {
    heading: 'Quelque chose n’allait pas dans le formulaire',
    explanation: () =>
      phrase`Une partie du formulaire manquait ou n’était pas celle attendue ; nous ne l’avons donc pas utilisé.`,
    advice: (agent) => phrase`Rouvrez la page. Si cela ne suffit pas, revenez à ${agent} et recommencez.`,
    retry: 'Rouvrir la page',
  },
  not_found: {
    heading: 'Page introuvable',
    explanation: () => phrase`L’adresse contient peut-être une faute de frappe, ou la page n’existe plus.`,
    advice: () => phrase`Vérifiez l’adresse, ou revenez là d’où vous venez.`,
    retry: 'Aller à « Mes agents »',
  },
  method_not_allowed: {
    heading: 'Cette page ne peut pas être ouverte ainsi',
    explanation: () => phrase`Elle a été ouverte d’une manière pour laquelle elle n’est pas faite.`,
    advice: (agent) => phrase`Revenez à ${agent} et recommencez.`,
  },
  policy_forbids: {
    heading: 'L’administration de ce serveur ne l’autorise pas',
    explanation: (agent) => phrase`La demande de ${agent} n’est pas autorisée sur ce serveur.`,
    advice: () =>
      phrase`Si vous en avez besoin, adressez-vous à l’administration de ce serveur et donnez-lui la référence ci-dessous.`,
    retry: 'Retour',
  },
  too_many_permissions: {
    heading: 'Cet agent a déjà trop d’autorisations',
    explanation: (agent) =>
      phrase`Il n’est pas possible de donner à ${agent} plus de 256 autorisations différentes pour un même service.`,
    advice: () => phrase`Retirez son accès dans « Mes agents », puis recommencez.`,
    retry: 'Aller à « Mes agents »',
  },
  too_many_requests: {
    heading: 'Trop de tentatives',
    explanation: () => phrase`Il y a eu beaucoup de tentatives en peu de temps ; nous attendons donc un peu.`,
    advice: () => phrase`Patientez quelques minutes, puis réessayez.`,
  },
  temporarily_unavailable: {
    heading: 'Nous ne pouvons malheureusement pas répondre pour le moment',
    explanation: () => phrase`Le problème vient de nous, pas de vous.`,
    advice: () => phrase`Patientez un instant, puis réessayez.`,
  },
  server_error: {
    heading: 'Toutes nos excuses : un problème est survenu de notre côté',
    explanation: () => phrase`C’est notre erreur, pas la vôtre.`,
    advice: () => phrase`Réessayez. Si le problème persiste, indiquez-nous la référence ci-dessous.`,
  },
}

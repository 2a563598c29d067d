<?php
// A front controller that finds the path in the ways PHP frameworks do, matches each against the rows in X-Oracle-Api, and reports the
// rows that ran in X-Oracle-Ran.
declare(strict_types=1);

/** The path of the raw target, without the script or its folder in front of it: Symfony, Laravel and Slim. */
function pathBehindScript(string $path, string $script): string
{
    foreach ([$script, rtrim(dirname($script), '/')] as $base) {
        if ($base !== '' && ($path === $base || str_starts_with($path, $base . '/'))) {
            return substr($path, strlen($base)) ?: '/';
        }
    }
    return $path;
}

/** CodeIgniter takes a query that begins with a slash for the path of the site's root. */
function pathOrQuery(string $path, string $query): string
{
    return trim($path, '/') === '' && str_starts_with($query, '/') ? explode('?', $query, 2)[0] : $path;
}

$api = json_decode(base64_decode($_SERVER['HTTP_X_ORACLE_API']), true);
[$path, $query] = explode('?', $_SERVER['REQUEST_URI'], 2) + [1 => ''];
$behind = pathBehindScript($path, $_SERVER['SCRIPT_NAME']);
$interpretations = [
    'Symfony' => [rawurldecode($behind)],
    'Laravel' => ['/' . trim(rawurldecode($behind), '/')],
    'Slim' => [$behind],
    'CodeIgniter' => ['/' . trim(urldecode(pathOrQuery($behind, $query)), '/')],
    'PATH_INFO' => [$_SERVER['PATH_INFO'] ?? '/'],
];
if (is_string($_GET['rest_route'] ?? null)) {
    $interpretations['WordPress'][] = '/wp-json/' . trim($_GET['rest_route'], '/');
}
foreach (['r', 'q', 's', '_url', 'url', 'route', 'path', 'rest_route'] as $name) {
    // Without a slash in front it is the path of a site that says so.
    if (is_string($_GET[$name] ?? null) && ($api['frontController'] || str_starts_with($_GET[$name], '/'))) {
        $interpretations['query'][] = '/' . trim($_GET[$name], '/');
    }
}

$ran = [];
foreach ($interpretations as $by => $paths) {
    foreach ($paths as $each) {
        foreach ($api['rows'] as $row) {
            // A parameter names a page of the site, never what only a parameter or nothing stands for.
            $isNamed = in_array($by, ['WordPress', 'query']) || ($by === 'CodeIgniter' && $each !== $behind);
            if ($isNamed && !$row['literal']) {
                continue;
            }
            if (in_array($_SERVER['REQUEST_METHOD'], $row['methods'], true) && preg_match($row['path'], $each)) {
                $ran[] = ['row' => $row['row'], 'by' => "PHP as $by"];
                break;
            }
        }
    }
}
header('Content-Type: application/json');
header('X-Oracle-Ran: ' . json_encode($ran));

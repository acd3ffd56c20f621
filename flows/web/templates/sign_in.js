// The page lies at a path that only pages of this very address know: cookies alone go to every port of a host.
const PATH = /^\/[\w-]{22}\//;
const kept = (() => { try { return localStorage.getItem("cubefeed-path") ?? ""; } catch { return ""; } })();
const {pathname, search, hash} = location;
const rest = pathname.replace(PATH, "/").slice(1);
if (PATH.test(kept) && !pathname.startsWith(kept)) location.replace(kept + rest + search + hash);
else if (!search) location.replace(`${pathname}?again${hash}`);
else {
  history.replaceState(null, "", `${pathname}?again${hash}`); // a wrong token leaves the address too
  document.querySelector("main").hidden = false;
  document.querySelector("form").onsubmit = event => {
    event.preventDefault();
    signIn(new FormData(event.target).get("token").trim());
  };
}

async function signIn(token) {
  const why = document.getElementById("why");
  why.textContent = "Asking …";
  const answer = await fetch("/sign-in", {headers: {Authorization: `Bearer ${token}`}}).catch(error => error);
  if (answer.ok) location.replace((await answer.json()).path + rest + hash);
  else why.textContent = answer.status === 401 ? "That is not the token." : `There was no answer (${answer.message ?? answer.status}).`;
}

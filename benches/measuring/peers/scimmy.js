// The smallest application that serves SCIM with scimmy-routers: resources in maps, one fixed token. Filters,
// PATCH and schemas are SCIMMY's own.
import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [port, token] = process.argv.slice(2);

// Only what is shown goes through SCIMMY's schemas; where it has to sort, everything does.
function page(resource, all) {
    const found = resource.filter?.match(all) ?? all;
    const { sortBy, startIndex = 1, count = 20 } = resource.constraints ?? {};
    if (sortBy) return found;
    resource.constraints = { startIndex, count, totalResults: found.length };
    return found.slice(startIndex - 1, startIndex - 1 + count);
}

function keep(resourceType, unique) {
    const resources = new Map();
    const names = new Map();
    return SCIMMY.Resources.declare(resourceType)
        .ingress((resource, data) => {
            const id = resource.id ?? randomUUID();
            const name = data[unique]?.toLowerCase();
            const holder = names.get(name);
            if (unique === "userName" && holder !== undefined && holder !== id) {
                throw new SCIMMY.Types.Error(409, "uniqueness", `${unique} is taken`);
            }
            const before = resources.get(id);
            if (resource.id && !before) {
                throw new SCIMMY.Types.Error(404, null, `${id} is not known`);
            }
            const now = new Date();
            const document = JSON.parse(JSON.stringify(data));
            document.id = id;
            document.meta = { created: before?.meta.created ?? now, lastModified: now };
            names.set(name, id);
            resources.set(id, document);
            return document;
        })
        .egress((resource) => {
            if (!resource.id) return page(resource, [...resources.values()]);
            const document = resources.get(resource.id);
            if (!document) throw new SCIMMY.Types.Error(404, null, `${resource.id} is not known`);
            return document;
        })
        .degress((resource) => {
            names.delete(resources.get(resource.id)?.[unique]?.toLowerCase());
            resources.delete(resource.id);
        });
}

keep(SCIMMY.Resources.User, "userName").extend(SCIMMY.Schemas.EnterpriseUser, false);
keep(SCIMMY.Resources.Group, "displayName");

const app = express();
app.get("/ready", (_, response) => response.send("ready"));
app.use("/scim", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("who are you?");
        return "";
    },
}));
app.listen(Number(port), "127.0.0.1");

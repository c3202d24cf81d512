"""Weights of a style transformer as Magenta names them."""


def named_as_by_magenta(network):
    """The state dict under Magenta's names and in TensorFlow's order of axes."""
    variables = {}
    norms = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    for name, value in network.state_dict().items():
        part, place, *rest = name.split(".")
        if part == "contract" and int(place) % 3 == 0:
            variables[f"transformer/contract/conv{int(place) // 3 + 1}/weights"] = value.permute(2, 3, 1, 0)
        elif part == "contract" and rest[0] in norms:
            variables[f"transformer/contract/conv{int(place) // 3 + 1}/BatchNorm/{norms[rest[0]]}"] = value
        elif part != "contract":
            unit = f"residual{int(place) + 1}/{rest.pop(0)}" if part == "residual" else f"conv{int(place) + 1}/conv"
            scope = f"transformer/{part}/{unit}"
            if rest[0] == "conv":
                variables[f"{scope}/weights"] = value.permute(2, 3, 1, 0)
            else:
                which = {"shift": "Conv", "scale": "Conv_1"}[rest[1]]
                leaf = {"weight": "weights", "bias": "biases"}[rest[2]]
                value = value.T[None, None] if leaf == "weights" else value
                variables[f"style_params/{scope}/StyleNorm/{which}/{leaf}"] = value
    return variables
